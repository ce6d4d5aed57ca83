//! Rollbacks: what a deploy replaces is recorded before the deploy, the beginning
//! of a rollback before the rollback, and its end after it.

use super::{Loop, Message, WorkResult};
use crate::event::{Failure, Rollback, RollbackOutcome, StepId};
use crate::journal::{JournalEntry, Replaced, RollbackRecord};
use crate::run::child::Stop;
use crate::run::layout::{RecordedRollback, StepIndex};
use crate::run::outcome::StepError;
use crate::run::perform::{Remember, RollbackJob, RolledBack};
use crate::run::state::Input;
use futures::future::FutureExt as _;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Loop<'_> {
    /// What a deploy calls before it replaces something.
    pub(super) fn remember(&self, step: StepIndex) -> Remember {
        let inbox = self.inbox.clone();
        Arc::new(move |replaced| {
            let (recorded, answer) = oneshot::channel();
            let replaced = Box::new(replaced);
            inbox.send(Message::Replaces { step, replaced, recorded }).ok();
            // The loop outlives its attempts, and always answers.
            async move { answer.await.unwrap_or(Ok(())) }.boxed()
        })
    }

    /// Records what a deploy is about to replace.
    pub(super) fn replaces(&mut self, step: StepIndex, replaced: Replaced) -> Result<(), Failure> {
        let id = self.id(step);
        let record = Box::new(RollbackRecord::Replaces(replaced.clone()));
        self.write(&JournalEntry::Rollback { step: id.clone(), record })?;
        self.sync()?;
        self.engine.store.replaces(&id, replaced);
        self.inputs.push_back(Input::ReplacementRecorded { step });
        Ok(())
    }

    /// Writes the intent to the journal and adds the rollback to the loop.
    pub(super) fn roll_back(&mut self, step: StepIndex) {
        let id = self.id(step);
        let is_resumed = self.state.layout().steps[step].rollback == RecordedRollback::Begun;
        let Some(replaced) = self.engine.store.replaced(&id).cloned() else {
            let chain = vec!["the journal does not have what the deploy replaced".to_owned()];
            let failure = Failure { chain, ..Failure::default() };
            return self.report(step, RollbackOutcome::Failed { to: None, failure }, None);
        };
        let begun = RollbackRecord::Begun { undoes: self.with_later_steps(step) };
        if !is_resumed
            && let Err(failure) =
                self.write(&JournalEntry::Rollback { step: id.clone(), record: begun.into() })
        {
            let to = replaced.previous.map(|previous| previous.revision);
            return self.report(step, RollbackOutcome::Failed { to, failure }, None);
        }
        let stop = Stop::default();
        let job = RollbackJob { job: self.job(step, id, stop.clone()), replaced, is_resumed };
        self.stops.insert(step, stop.clone());
        let performer = Arc::clone(&self.engine.performer);
        let work = async move {
            let result = tokio::select! {
                biased;
                () = stop.kill.cancelled() => None,
                result = performer.roll_back(job) => Some(result),
            };
            (step, WorkResult::Rollback(result))
        };
        self.work.push(work.boxed_local());
    }

    pub(super) fn rollback_ended(
        &mut self,
        step: StepIndex,
        result: Option<Result<RolledBack, StepError>>,
    ) {
        self.stops.remove(&step);
        let id = self.id(step);
        let to = self.engine.store.replaced(&id).and_then(|replaced| replaced.previous.clone());
        let to = to.map(|previous| previous.revision);
        let Some(result) = result else {
            let failure = Failure {
                chain: vec!["it was stopped before its end".to_owned()],
                help: Some(self.pasted("finish it with `shipway resume`")),
                ..Failure::default()
            };
            return self.report(step, RollbackOutcome::Failed { to, failure }, None);
        };
        let (outcome, url) = match result {
            Ok(RolledBack { outcome, url }) => (outcome, url),
            Err(error) => {
                (RollbackOutcome::Failed { to, failure: self.failure(step, error) }, None)
            }
        };
        let record = Box::new(RollbackRecord::Ended(outcome.clone()));
        // If it cannot be written the run stops, and `resume` looks at the target again.
        self.write(&JournalEntry::Rollback { step: id, record }).ok();
        self.report(step, outcome, url);
    }

    fn report(&mut self, step: StepIndex, outcome: RollbackOutcome, url: Option<String>) {
        let redactor = &self.engine.performer.services.redactor;
        let url = url.map(|url| redactor.redact(&url));
        let rollback = Box::new(Rollback { step: self.id(step), outcome, url });
        self.inputs.push_back(Input::RolledBack { rollback, step });
    }

    /// A step and the later ones of its service.
    fn with_later_steps(&self, step: StepIndex) -> Vec<StepId> {
        let layout = self.state.layout();
        let steps = &layout.services[layout.steps[step].service].steps;
        steps.iter().filter(|&&other| other >= step).map(|&other| self.id(other)).collect()
    }
}
