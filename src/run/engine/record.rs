//! What the loop writes to the journal, and what becomes of the run where that
//! fails.

use super::Loop;
use crate::event::{CancelReason, EventKind, Failure, Outcome};
use crate::journal::{Entry, Journal, JournalError};
use crate::run::outcome::chain_of;
use crate::run::state::Input;

impl Loop<'_> {
    /// Writes what the journal holds of an event.
    pub(super) fn record(&mut self, event: &EventKind) {
        let entry = match event {
            EventKind::StepFinished {
                outcome: Outcome::Succeeded | Outcome::AlreadyDone, ..
            } => {
                return;
            }
            EventKind::StepFinished { step, outcome, .. } => {
                Entry::StepEnded { step: step.clone(), outcome: outcome.clone() }
            }
            EventKind::AttemptFailed { step, attempt, failure, .. } => Entry::AttemptFailed {
                step: step.clone(),
                attempt: *attempt,
                failure: failure.clone(),
            },
            _ => return,
        };
        self.write(&entry).ok();
    }

    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), Failure> {
        self.keep(|journal| journal.write(entry))
    }

    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        match self.journal_failed {
            // It is known, and the run stops.
            Some(_) => Ok(()),
            None => self.keep(Journal::sync),
        }
    }

    /// A journal that cannot be written stops the run.
    fn keep(
        &mut self,
        keep: impl FnOnce(&mut Journal) -> Result<(), JournalError>,
    ) -> Result<(), Failure> {
        if let Some(failed) = &self.journal_failed {
            return Err(failed.clone());
        }
        keep(self.engine.journal).map_err(|error| {
            let failure = Failure {
                chain: chain_of(&error),
                help: Some("free some space or name another folder with `--state-dir`, then `shipway resume`".into()),
                ..Failure::default()
            };
            self.journal_failed = Some(failure.clone());
            self.inputs.push_back(Input::Stop(CancelReason::JournalFailed));
            failure
        })
    }
}
