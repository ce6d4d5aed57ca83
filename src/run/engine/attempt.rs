//! Attempts: whether one is made, its start, and its end.

use super::{Loop, Message, WorkResult};
use crate::event::{Failure, Outputs, StepId};
use crate::http::Retry;
use crate::journal::JournalEntry;
use crate::plan::expr::contexts::Site;
use crate::plan::expr::{EvalError, Scope};
use crate::plan::schema::Step;
use crate::plan::span::Span;
use crate::plan::{Found, PlanKeys as _, Visit};
use crate::run::child::Stop;
use crate::run::layout::StepIndex;
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use crate::run::perform::{Job, Performer, Produced, Said, Say};
use crate::run::state::{Decision, DependencyStatus, Input};
use crate::run::store::Store;
use futures::future::FutureExt as _;
use std::sync::Arc;
use std::time::Duration;

impl Loop<'_> {
    /// Evaluates the `if` and the `continue-on-error` of a step.
    pub(super) fn decide(&mut self, step: StepIndex, status: DependencyStatus) -> Decision {
        let scope = self.scope(step, Some(status));
        let planned = self.planned(step);
        let holds = match &planned.condition {
            Some(condition) => condition.holds(&scope),
            None => Ok(status == DependencyStatus::Success),
        };
        let broken = |error: EvalError, doing: &str| {
            let error = StepError::from(error).while_doing(doing);
            Decision::Broken(self.failure(step, error))
        };
        match holds {
            Ok(false) => Decision::Skip,
            Err(error) => broken(error, "cannot decide whether the step runs"),
            Ok(true) => match planned.continue_on_error.resolve(&scope) {
                Ok(tolerant) => Decision::Run { tolerant },
                Err(error) => broken(error, "cannot evaluate `continue-on-error`"),
            },
        }
    }

    /// Writes the intent to the journal and adds the attempt to the loop.
    pub(super) fn attempt(&mut self, step: StepIndex, attempt: u32) {
        let id = self.id(step);
        let now = self.engine.started.elapsed();
        self.spans.entry(id.clone()).or_insert((now, now));
        let at = jiff::Timestamp::now().to_string();
        if let Err(failure) =
            self.write(&JournalEntry::StepStarted { step: id.clone(), attempt, at })
        {
            let (result, outputs) = (Err(not_recorded(failure)), Outputs::new());
            self.inputs.push_back(Input::Ended { step, result, outputs });
            return;
        }
        let (service, place) = self.engine.places[step];
        let say = self.say();
        let early = &mut self.engine.early;
        if let Some(index) = early.iter().position(|early| early.place == (service, place)) {
            let (stop, ended) = early.swap_remove(index).adopt(&say);
            self.start(step, stop, ended);
            return;
        }
        let stop = Stop::default();
        let job = Job { attempt, ..self.job(step, id, stop.clone()) };
        let performer = Arc::clone(&self.engine.performer);
        self.start(step, stop, async move { Box::pin(performer.attempt(job)).await });
    }

    pub(super) fn job(&self, step: StepIndex, id: StepId, stop: Stop) -> Job {
        let (service, place) = self.engine.places[step];
        Job {
            service,
            place,
            attempt: 1,
            handover: self.engine.store.handover(&id.service),
            replaced: self.engine.store.replaced(&id).cloned(),
            in_doubt: self.engine.store.is_in_doubt(&id),
            id,
            scope: self.scope(step, None),
            stop,
            say: self.say(),
            produced: Produced::default(),
            remember: Some(self.remember(step)),
        }
    }

    fn say(&self) -> Say {
        let inbox = self.inbox.clone();
        Say::new(self.room.clone(), move |Said { event, held }| {
            // The loop outlives its attempts.
            inbox.send(Message::Event(Box::new(event), held)).ok();
        })
    }

    /// Adds an attempt to the loop. It is first polled after `drain_inputs`, which
    /// syncs its intent.
    fn start(
        &mut self,
        step: StepIndex,
        stop: Stop,
        attempt: impl Future<Output = Result<StepOutput, AttemptError>> + 'static,
    ) {
        self.stops.insert(step, stop.clone());
        let uploads_allowed = Arc::clone(&self.engine.performer.services.uploads_allowed);
        let attempt = async move {
            if stop.ask.is_cancelled() {
                return (step, WorkResult::Attempt(Err(AttemptError::Stopped)));
            }
            uploads_allowed.set(()).ok();
            (step, WorkResult::Attempt(attempt.await))
        };
        self.work.push(attempt.boxed_local());
    }

    pub(super) fn attempt_ended(
        &mut self,
        step: StepIndex,
        result: Result<StepOutput, AttemptError>,
    ) {
        self.stops.remove(&step);
        let mut outputs = Outputs::new();
        let result = match result {
            Ok(output) => self.succeeded(step, output).map(|given| outputs = given),
            Err(AttemptError::Failed(error)) => {
                outputs = self.outputs_of_failed(step, &error);
                Err(AttemptError::Failed(Box::new(self.redacted(step, *error))))
            }
            Err(AttemptError::TimedOut { limit, error }) => {
                outputs = self.outputs_of_failed(step, &error);
                Err(AttemptError::TimedOut { limit, error: Box::new(self.redacted(step, *error)) })
            }
            Err(AttemptError::Stopped) => Err(AttemptError::Stopped),
        };
        self.inputs.push_back(Input::Ended { step, result, outputs });
    }

    /// The error with its text redacted and its position in the plan.
    fn redacted(&self, step: StepIndex, error: StepError) -> StepError {
        let retry = error.retry;
        StepError::from_failure(self.failure(step, error), retry)
    }

    /// Keeps what an attempt wrote before it failed for steps that run all the same.
    /// Returns it as events show it. The journal has no need of it: `resume` repeats
    /// the step.
    fn outputs_of_failed(&mut self, step: StepIndex, error: &StepError) -> Outputs {
        let id = self.id(step);
        self.engine.store.keep_outputs(&id, error.outputs.clone());
        Store::shown(&error.outputs, &self.engine.performer.services.redactor)
    }

    /// Records the outputs and keeps them for later steps. An attempt that cannot
    /// be recorded has failed: `resume` would not know of its success.
    fn succeeded(&mut self, step: StepIndex, output: StepOutput) -> Result<Outputs, AttemptError> {
        let id = self.id(step);
        let started = self.spans.get(&id).map_or(Duration::ZERO, |(start, _)| *start);
        let took = self.engine.started.elapsed().saturating_sub(started);
        let entry = JournalEntry::StepSucceeded {
            step: id.clone(),
            outputs: Store::recorded(&output.outputs, &self.engine.performer.services.redactor),
            handover: Box::new(output.handover.clone()),
            took: took.as_secs_f64(),
            planned: Some(self.engine.performer.plan.digest_of_step(self.engine.places[step])),
        };
        self.write(&entry).map_err(not_recorded)?;
        let shown = Store::shown(&output.outputs, &self.engine.performer.services.redactor);
        self.engine.store.keep(&id, output);
        Ok(shown)
    }

    fn scope(&self, step: StepIndex, status: Option<DependencyStatus>) -> Scope {
        let (service, _) = self.engine.places[step];
        let cancelled = self.state.cancellation().stops_attempts();
        self.engine.store.scope(&self.engine.performer, service, status, cancelled)
    }

    /// The error, redacted and with its position in the plan. A value at fault is shown
    /// with its key and its line.
    pub(super) fn failure(&self, step: StepIndex, mut error: StepError) -> Failure {
        let plan = &self.engine.performer.plan;
        let span = error.span.clone().filter(|span| !span.is_empty());
        if let Some(span) = &span {
            if let Some(key) = key_of_expression(self.planned(step), span)
                && error.failure.chain.len() == 1
            {
                error = error.while_doing(format!("cannot evaluate `{key}`"));
            }
            if error.failure.details.is_empty() {
                error = error.details(plan.source.lines(span));
            }
        }
        let span = span.unwrap_or_else(|| self.planned(step).id.span.clone());
        let place = plan.source.place(&span);
        let Performer { services, facts, .. } = &*self.engine.performer;
        error.completed(&facts.commands).shown(&services.redactor, Some(place))
    }

    fn planned(&self, step: StepIndex) -> &Step {
        let (service, place) = self.engine.places[step];
        self.engine.performer.plan.step(service, place)
    }
}

/// The key whose value has an expression at this place.
fn key_of_expression(step: &Step, span: &Span) -> Option<&'static str> {
    let mut found = None;
    let mut see = |Found { template, place }: Found<'_>| {
        let holds = |at: &Span| at.start <= span.start && span.end <= at.end;
        if template.expressions().iter().any(|(_, at)| holds(at)) {
            found = Some(place.key);
        }
    };
    step.visit_keys(&mut Visit::new(Site::Step, &mut see));
    found
}

/// The end of an attempt that the journal could not record.
fn not_recorded(failure: Failure) -> AttemptError {
    StepError::from_failure(failure, Retry::Never).into()
}
