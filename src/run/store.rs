//! What the steps have given so far, and the scope in which the next one's
//! expressions are evaluated.

use super::outcome::{Given, StepOutput};
use super::perform::Performer;
use super::state::DependencyStatus;
use crate::event::{Outputs, StepId};
use crate::journal::{Handover, RecordedOutput, Replay, StepState};
use crate::plan::expr::{Object, Rendered, Scope, Status, Value};
use crate::secret::{Redactor, Secret};
use std::collections::BTreeMap;

/// Outputs and handovers by step and service.
#[derive(Clone, Debug, Default)]
pub struct Store {
    outputs: BTreeMap<StepId, Given>,
    handovers: BTreeMap<String, Handover>,
}

impl Store {
    /// Keeps what a step gave.
    pub fn keep(&mut self, step: &StepId, done: StepOutput) {
        self.outputs.insert(step.clone(), done.outputs);
        self.handovers.insert(step.service.clone(), done.handover);
    }

    /// Takes in what the journal says that earlier processes did. An output that
    /// was a secret is had again where it was one of the plan's, whole.
    pub fn restore(&mut self, replay: &Replay, secrets: &[(String, Secret)]) {
        let known = |source: &str| {
            let name = source.strip_prefix("secrets.")?;
            secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.clone())
        };
        for (step, state) in &replay.steps {
            let StepState::Succeeded { outputs } = state else { continue };
            let read = |(name, value): (&String, &RecordedOutput)| {
                let value = match value {
                    RecordedOutput::Value(text) => Rendered::Plain(text.clone()),
                    RecordedOutput::Secret(source) => Rendered::Secret(known(source)?),
                };
                Some((name.clone(), value))
            };
            self.outputs.insert(step.clone(), outputs.iter().filter_map(read).collect());
        }
        self.handovers.clone_from(&replay.handovers);
    }

    /// What the last step of a service handed on.
    pub fn handover(&self, service: &str) -> Handover {
        self.handovers.get(service).cloned().unwrap_or_default()
    }

    /// The scope of a service's next step.
    pub fn scope(
        &self,
        performer: &Performer,
        service: usize,
        standing: Option<DependencyStatus>,
        cancelled: bool,
    ) -> Scope {
        let status = match standing {
            _ if cancelled => Status::Cancelled,
            Some(DependencyStatus { failure: true, .. }) => Status::Failure,
            Some(_) | None => Status::Success,
        };
        let name = performer.plan.step_service(service);
        let mut steps = Object::default();
        for (id, given) in self.outputs.iter().filter(|(id, _)| id.service == name) {
            steps.set(&id.step, Object::default().with("outputs", object(given)));
        }
        let mut services = Object::default();
        for need in performer.plan.needs(service) {
            let outputs = object(&self.of_service(performer, need));
            services.set(
                &performer.plan.service_name(need),
                Object::default().with("outputs", outputs),
            );
        }
        performer
            .plan
            .scope
            .clone()
            .with("steps", steps)
            .with("services", services)
            .with_status(status)
    }

    /// The outputs of a service: those of its last push, deploy and verify.
    pub fn of_service(&self, performer: &Performer, service: usize) -> Given {
        let mut outputs = Given::new();
        for (id, action) in performer.plan.actions(service) {
            if !matches!(action, "push" | "deploy" | "verify") {
                continue;
            }
            for (name, value) in self.outputs.get(&id).into_iter().flatten() {
                // A path that was asked is not where the service is.
                let asked = action == "verify" && name == "url";
                if asked && outputs.iter().any(|(known, _)| known == name) {
                    continue;
                }
                outputs.retain(|(known, _)| known != name);
                outputs.push((name.clone(), value.clone()));
            }
        }
        outputs
    }

    /// As the journal holds them: a secret by its source alone.
    pub fn recorded(given: &Given, redactor: &Redactor) -> BTreeMap<String, RecordedOutput> {
        let record = |value: &Rendered| match value {
            Rendered::Plain(text) => RecordedOutput::Value(redactor.redact(text)),
            Rendered::Secret(secret) => RecordedOutput::Secret(secret.source().to_owned()),
        };
        given.iter().map(|(name, value)| (name.clone(), record(value))).collect()
    }

    /// As everybody may see them: without those that hold a secret.
    pub fn shown(given: &Given, redactor: &Redactor) -> Outputs {
        let plain = |(name, value): &(String, Rendered)| {
            Some((name.clone(), redactor.redact(value.plain()?)))
        };
        given.iter().filter_map(plain).collect()
    }
}

fn object(given: &Given) -> Object {
    let mut outputs = Object::default();
    for (name, value) in given {
        let value = match value {
            Rendered::Plain(text) => Value::from(text.as_str()),
            Rendered::Secret(secret) => Value::secret(secret),
        };
        outputs.set(name, value);
    }
    outputs
}
