//! Writes to the journal. If that fails, the run stops.

use super::Loop;
use crate::event::{CancelReason, EventKind, Failure, Outcome};
use crate::journal::{Journal, JournalEntry, JournalError};
use crate::run::outcome::chain_of;
use crate::run::state::Input;

impl Loop<'_> {
    /// Writes the entry for an event, if there is one.
    pub(super) fn record(&mut self, event: &EventKind) {
        let entry = match event {
            EventKind::StepFinished {
                outcome: Outcome::Succeeded | Outcome::AlreadyDone, ..
            } => {
                return;
            }
            EventKind::StepFinished { step, outcome, .. } => {
                JournalEntry::StepEnded { step: step.clone(), outcome: outcome.clone() }
            }
            EventKind::AttemptFailed { step, attempt, failure, .. } => {
                JournalEntry::AttemptFailed {
                    step: step.clone(),
                    attempt: *attempt,
                    failure: failure.clone(),
                }
            }
            _ => return,
        };
        self.write(&entry).ok();
    }

    pub(super) fn write(&mut self, entry: &JournalEntry) -> Result<(), Failure> {
        self.try_journal(|journal| journal.write(entry))
    }

    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        match self.journal_failed {
            // The run is stopping already.
            Some(_) => Ok(()),
            None => self.try_journal(Journal::sync),
        }
    }

    /// Stops the run if the journal cannot be written.
    fn try_journal(
        &mut self,
        action: impl FnOnce(&mut Journal) -> Result<(), JournalError>,
    ) -> Result<(), Failure> {
        if let Some(failed) = &self.journal_failed {
            return Err(failed.clone());
        }
        action(self.engine.journal).map_err(|error| {
            let failure = Failure {
                chain: chain_of(&error),
                help: Some(self.pasted(
                    "free some space or name another folder with `--state-dir`, then `shipway \
                     resume`",
                )),
                ..Failure::default()
            };
            self.journal_failed = Some(failure.clone());
            self.inputs.push_back(Input::Stop(CancelReason::JournalFailed));
            failure
        })
    }
}
