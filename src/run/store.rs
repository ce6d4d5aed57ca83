//! The outputs of the steps so far, and the scope in which the expressions of the
//! next step are evaluated.

use super::outcome::StepOutput;
use super::perform::{Performer, outputs_object as object};
use super::state::DependencyStatus;
use crate::event::{Outcome, OutputName, Outputs, StepId};
use crate::journal::{Handover, RecordedOutput, Replaced, Replay, StepState};
use crate::plan::expr::{Object, Rendered, Scope, Status, Value};
use crate::secret::{Redactor, Secret};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub struct Store {
    outputs: BTreeMap<StepId, Outputs<Rendered>>,
    /// The `outcome` and `conclusion` of each step that has ended.
    ends: BTreeMap<StepId, [&'static str; 2]>,
    /// By service.
    handovers: BTreeMap<String, Handover>,
    /// The outputs that could not be restored, each with its step.
    lost: Vec<(StepId, String)>,
    /// What the deploys of this run replaced.
    replaced: BTreeMap<StepId, Replaced>,
    /// The steps that an earlier process of this run started without recording their end.
    in_doubt: BTreeSet<StepId>,
}

impl Store {
    pub fn keep(&mut self, step: &StepId, output: StepOutput) {
        self.outputs.insert(step.clone(), output.outputs);
        self.handovers.insert(step.service.clone(), output.handover);
    }

    /// Keeps the outputs of a step that failed, in place of those of an earlier
    /// attempt. The service's handover stays that of the last step that succeeded.
    pub fn keep_outputs(&mut self, step: &StepId, outputs: Outputs<Rendered>) {
        self.outputs.insert(step.clone(), outputs);
    }

    /// Keeps how a step ended, for expressions of later steps.
    pub fn ended(&mut self, step: &StepId, outcome: &Outcome) {
        let end = [outcome.as_github_outcome(), outcome.as_github_conclusion()];
        self.ends.insert(step.clone(), end);
    }

    /// An output of a step that has ended.
    pub fn output(&self, step: &StepId, name: &str) -> Option<&Rendered> {
        self.outputs.get(step)?.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Restores the outputs that earlier processes recorded in the journal. A secret
    /// output is restored only if it was the value of one of the plan's secrets.
    ///
    /// An output that was made from a secret is not on disk. It is listed in
    /// [`Self::lost`].
    pub fn restore(&mut self, replay: &Replay, secrets: &[(String, Secret)]) {
        let known = |source: &str| {
            let name = source.strip_prefix("secrets.")?;
            secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.clone())
        };
        for (step, state) in &replay.steps {
            let StepState::Succeeded { outputs } = state else { continue };
            self.lost.retain(|(lost, _)| lost != step);
            let mut restored = Outputs::new();
            for (name, value) in outputs {
                match value {
                    RecordedOutput::Value(text) => {
                        restored.insert(name.clone(), Rendered::Plain(text.clone()));
                    }
                    RecordedOutput::Secret(source) => match known(source) {
                        Some(secret) => {
                            restored.insert(name.clone(), Rendered::Secret(secret));
                        }
                        None => self.lost.push((step.clone(), name.clone())),
                    },
                }
            }
            self.outputs.insert(step.clone(), restored);
        }
        let handovers = replay.handovers.iter();
        self.handovers.extend(handovers.map(|(name, handover)| (name.clone(), handover.clone())));
    }

    /// The outputs of earlier processes that held a secret and are on no disk, each
    /// with its step.
    pub fn lost(&self) -> &[(StepId, String)] {
        &self.lost
    }

    /// Restores what earlier processes of this run began: what its deploys replaced, and
    /// which steps are in doubt. Not for what an earlier run left: a deploy of this run
    /// replaces what is there now.
    pub fn restore_begun(&mut self, replay: &Replay) {
        let in_doubt = replay.steps.iter().filter(|(_, state)| **state == StepState::InDoubt);
        self.in_doubt = in_doubt.map(|(step, _)| step.clone()).collect();
        let replaced = replay.rollbacks.iter();
        self.replaced = replaced.map(|(id, state)| (id.clone(), state.replaced.clone())).collect();
    }

    pub fn replaces(&mut self, deploy: &StepId, replaced: Replaced) {
        self.replaced.insert(deploy.clone(), replaced);
    }

    /// What a deploy of this run replaced, and has not been put back.
    pub fn replaced(&self, deploy: &StepId) -> Option<&Replaced> {
        self.replaced.get(deploy)
    }

    pub fn is_in_doubt(&self, step: &StepId) -> bool {
        self.in_doubt.contains(step)
    }

    /// The handover of a service's last finished step.
    pub fn handover(&self, service: &str) -> Handover {
        self.handovers.get(service).cloned().unwrap_or_default()
    }

    /// The scope of a service's next step. `status` is set for its `if`.
    pub fn scope(
        &self,
        performer: &Performer,
        service: usize,
        status: Option<DependencyStatus>,
        cancelled: bool,
    ) -> Scope {
        let status = match status {
            _ if cancelled => Status::Cancelled,
            Some(DependencyStatus::Failure) => Status::Failure,
            Some(DependencyStatus::Success) | None => Status::Success,
        };
        let name = performer.plan.step_service(service);
        let steps = self.steps(&name);
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

    /// The context `steps` of a service.
    fn steps(&self, service: &str) -> Object {
        let ids = self.outputs.keys().chain(self.ends.keys());
        let ids: BTreeSet<&StepId> = ids.filter(|id| id.service == service).collect();
        let mut steps = Object::default();
        for id in ids {
            let outputs = self.outputs.get(id).map(object).unwrap_or_default();
            let mut step = Object::default().with("outputs", outputs);
            if let Some([outcome, conclusion]) = self.ends.get(id) {
                step.set("outcome", Value::from(*outcome));
                step.set("conclusion", Value::from(*conclusion));
            }
            steps.set(&id.step, step);
        }
        steps
    }

    /// The outputs of a service: those of its last `push`, `deploy` and `verify`.
    pub fn of_service(&self, performer: &Performer, service: usize) -> Outputs<Rendered> {
        let mut outputs = Outputs::new();
        for (id, action) in performer.plan.actions(service) {
            let Some(given) = self.outputs.get(&id) else { continue };
            let known_url = outputs.get(OutputName::Url).cloned();
            match action {
                "push" | "deploy" => outputs.extend(given.clone()),
                "verify" => {
                    outputs.extend(given.clone());
                    // `verify` may request a path below the URL of the service.
                    if let Some(url) = known_url {
                        outputs.set(OutputName::Url, url);
                    }
                }
                _ => {}
            }
        }
        outputs
    }

    /// The outputs for the journal: a secret is replaced by its source.
    pub fn recorded(outputs: &Outputs<Rendered>, redactor: &Redactor) -> Outputs<RecordedOutput> {
        let record = |value: &Rendered| match value {
            Rendered::Plain(text) => RecordedOutput::Value(redactor.redact(text)),
            Rendered::Secret(secret) => RecordedOutput::Secret(secret.source().to_owned()),
        };
        outputs.iter().map(|(name, value)| (name.clone(), record(value))).collect()
    }

    /// The outputs for events and reports: without the secret ones.
    pub fn shown(outputs: &Outputs<Rendered>, redactor: &Redactor) -> Outputs {
        let plain = |(name, value): (&String, &Rendered)| {
            Some((name.clone(), redactor.redact(value.plain()?)))
        };
        outputs.iter().filter_map(plain).collect()
    }
}
