//! The state of a run according to its journal.
//!
//! One transition function, used when appending, so that no illegal entry is
//! written, and when resuming, so that an illegal journal is refused.

use super::entry::{JournalEntry, RecordedOutput, RunRecord, StartRecord};
use super::handover::Handover;
use super::rollback::{RollbackRecord, RollbackState};
use crate::event::{Outcome, Outputs, RollbackOutcome, StepId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state of a step according to the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum StepState {
    #[default]
    NeverStarted,
    /// Started without an end, or stopped: its effects may or may not have happened.
    InDoubt,
    Succeeded {
        outputs: Outputs<RecordedOutput>,
    },
    /// Ended without success; a later process may try again.
    Ended,
}

#[derive(Clone, Debug, Default)]
pub struct Replay {
    pub start: Option<StartRecord>,
    pub steps: BTreeMap<StepId, StepState>,
    /// How the steps ended that did not succeed.
    pub ended: BTreeMap<StepId, Outcome>,
    /// What the deploys of this run replaced, until it was put back.
    pub rollbacks: BTreeMap<StepId, RollbackState>,
    /// SHA-256 of what the plan said of each step that succeeded, when it was done.
    pub planned: BTreeMap<StepId, String>,
    /// The last handover of each service.
    pub handovers: BTreeMap<String, Handover>,
    /// The runs that did the steps of [`Replay::fill_from`].
    pub earlier: BTreeMap<StepId, Arc<StartRecord>>,
    /// Whether another process has resumed the run.
    pub is_resumed: bool,
    /// Set once the run has finished, unset when it is resumed.
    pub finished: Option<RunRecord>,
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("entry {number} of the journal cannot follow the entries before it: {reason}")]
pub struct IllegalEntry {
    /// Counted from 1.
    pub number: usize,
    pub reason: String,
}

impl Replay {
    /// Applies all entries in order.
    pub fn of(entries: &[JournalEntry]) -> Result<Self, IllegalEntry> {
        let mut replay = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            replay.apply(entry).map_err(|reason| IllegalEntry { number: index + 1, reason })?;
        }
        Ok(replay)
    }

    /// Applies one more entry, or returns the reason why it is illegal.
    pub fn apply(&mut self, entry: &JournalEntry) -> Result<(), String> {
        match entry {
            JournalEntry::RunStarted(_) if self.start.is_some() => {
                Err("the run starts twice".into())
            }
            JournalEntry::RunStarted(start) => {
                self.start = Some(start.as_ref().clone());
                Ok(())
            }
            _ if self.start.is_none() => Err("the run has not started".into()),
            JournalEntry::RunResumed { .. } => {
                self.is_resumed = true;
                self.finished = None;
                Ok(())
            }
            JournalEntry::RunFinished(record) => {
                self.finished = Some(record.clone());
                Ok(())
            }
            JournalEntry::StepStarted { step, .. } => self.started(step),
            JournalEntry::AttemptFailed { step, .. } => self.in_doubt(step).map(drop),
            JournalEntry::StepSucceeded { step, outputs, handover, planned, .. } => {
                *self.in_doubt(step)? = StepState::Succeeded { outputs: outputs.clone() };
                self.handovers.insert(step.service.clone(), handover.as_ref().clone());
                self.planned.extend(planned.clone().map(|planned| (step.clone(), planned)));
                Ok(())
            }
            JournalEntry::StepEnded { step, outcome } => match self.state(step) {
                StepState::Succeeded { .. } => Err(format!("`{step}` ends after it succeeded")),
                // How far a step came before it was stopped is not known.
                StepState::InDoubt if *outcome == Outcome::Cancelled => {
                    self.ended.insert(step.clone(), outcome.clone());
                    Ok(())
                }
                StepState::NeverStarted | StepState::InDoubt | StepState::Ended => {
                    self.steps.insert(step.clone(), StepState::Ended);
                    self.ended.insert(step.clone(), outcome.clone());
                    Ok(())
                }
            },
            JournalEntry::Rollback { step, record } => self.rollback(step, record),
        }
    }

    fn rollback(&mut self, step: &StepId, record: &RollbackRecord) -> Result<(), String> {
        match record {
            RollbackRecord::Replaces(_)
                if self.rollbacks.get(step).is_some_and(|state| state.undoes.is_some()) =>
            {
                Err(format!("`{step}` replaces a target that is being put back"))
            }
            // Another run deployed before this one could: what it deployed counts.
            RollbackRecord::Replaces(replaced) => {
                self.in_doubt(step)?;
                let state = RollbackState { replaced: replaced.clone(), undoes: None };
                self.rollbacks.insert(step.clone(), state);
                Ok(())
            }
            RollbackRecord::Begun { undoes } => match self.rollbacks.get_mut(step) {
                Some(state) => {
                    state.undoes = Some(undoes.clone());
                    Ok(())
                }
                None => Err(format!("`{step}` is rolled back and replaced nothing")),
            },
            RollbackRecord::Ended(outcome) => self.rolled_back(step, outcome),
        }
    }

    fn rolled_back(&mut self, step: &StepId, outcome: &RollbackOutcome) -> Result<(), String> {
        let begun = self.rollbacks.get_mut(step).and_then(|state| state.undoes.take());
        let undoes = begun.ok_or_else(|| format!("the rollback of `{step}` ends unbegun"))?;
        match outcome {
            RollbackOutcome::Kept
            | RollbackOutcome::Unchanged { .. }
            | RollbackOutcome::Superseded { .. } => return Ok(()),
            // A later attempt of the deploy replaces what was put back.
            RollbackOutcome::RolledBack { .. } | RollbackOutcome::Removed => {
                self.rollbacks.remove(step);
            }
            // A later attempt may have to put back the same version.
            RollbackOutcome::Failed { .. } => {}
        }
        for step in undoes {
            self.steps.entry(step).and_modify(|state| *state = StepState::Ended);
        }
        Ok(())
    }

    /// Adds the steps and services of an earlier run that this run has no entries
    /// for.
    pub fn fill_from(&mut self, earlier: Self) {
        let start = earlier.start.map(Arc::new);
        for (step, state) in earlier.steps {
            if self.steps.contains_key(&step) {
                continue;
            }
            if let Some(start) = &start {
                self.earlier.insert(step.clone(), Arc::clone(start));
            }
            self.steps.insert(step, state);
        }
        for (service, handover) in earlier.handovers {
            self.handovers.entry(service).or_insert(handover);
        }
    }

    /// How the run began that the entries of a step are from.
    pub fn start_of(&self, step: &StepId) -> Option<&StartRecord> {
        self.earlier.get(step).map(Arc::as_ref).or(self.start.as_ref())
    }

    pub fn state(&self, step: &StepId) -> StepState {
        self.steps.get(step).cloned().unwrap_or_default()
    }

    fn started(&mut self, step: &StepId) -> Result<(), String> {
        match self.state(step) {
            StepState::Succeeded { .. } => Err(format!("`{step}` starts after it succeeded")),
            StepState::NeverStarted | StepState::InDoubt | StepState::Ended => {
                self.steps.insert(step.clone(), StepState::InDoubt);
                Ok(())
            }
        }
    }

    fn in_doubt(&mut self, step: &StepId) -> Result<&mut StepState, String> {
        match self.steps.get_mut(step) {
            Some(state @ StepState::InDoubt) => Ok(state),
            _ => Err(format!("`{step}` ends without having started")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Replay, StepState};
    use crate::event::{Failure, Outcome, OutputName, Outputs, RollbackOutcome, Status, StepId};
    use crate::journal::entry::{JournalEntry, RecordedOutput, RunRecord, StartRecord};
    use crate::journal::handover::Handover;
    use crate::journal::options::RunOptions;
    use crate::journal::rollback::{Replaced, RollbackRecord};
    use crate::oci::Digest;
    use std::path::PathBuf;

    fn step(name: &str) -> StepId {
        StepId { service: "web".into(), step: name.into() }
    }

    fn started(name: &str) -> JournalEntry {
        JournalEntry::StepStarted {
            step: step(name),
            attempt: 1,
            at: "2026-11-21T10:00:00Z".into(),
        }
    }

    fn succeeded(name: &str) -> JournalEntry {
        let built = Digest::of(name.as_bytes());
        let handover = Handover { built: Some(built), ..Handover::default() };
        let outputs = Outputs::from([(OutputName::Digest, RecordedOutput::Value("x".into()))]);
        JournalEntry::StepSucceeded {
            step: step(name),
            outputs,
            handover: handover.into(),
            took: 0.5,
            planned: None,
        }
    }

    fn whole() -> Vec<JournalEntry> {
        let start = StartRecord {
            version: StartRecord::VERSION,
            run: "01".into(),
            at: "2026-11-21T10:00:00Z".into(),
            plan: "shipway.yml".into(),
            plan_digest: "sha256:0".into(),
            dry_run: true,
            resolved: serde_json::Value::Null,
            options: RunOptions::default(),
            local: PathBuf::new(),
        };
        let failure = Failure { chain: vec!["no".into()], ..Failure::default() };
        let ended = Outcome::Failed { failure: failure.clone(), tolerated: false };
        vec![
            JournalEntry::RunStarted(start.into()),
            started("build"),
            succeeded("build"),
            started("push"),
            JournalEntry::AttemptFailed { step: step("push"), attempt: 1, failure },
            started("push"),
            JournalEntry::StepEnded { step: step("push"), outcome: ended },
            JournalEntry::RunFinished(RunRecord {
                status: Status::Failed,
                exit_code: 4,
                took: None,
            }),
            JournalEntry::RunResumed { at: "2026-11-21T11:00:00Z".into() },
            started("push"),
            succeeded("push"),
            JournalEntry::RunFinished(RunRecord {
                status: Status::Succeeded,
                exit_code: 0,
                took: None,
            }),
        ]
    }

    #[test]
    fn every_prefix_of_a_good_journal_replays() {
        let mut whole = whole();
        whole.extend(to_roll_back().into_iter().skip(3));
        for length in 0..=whole.len() {
            let replayed = Replay::of(&whole[..length]);
            assert!(replayed.is_ok(), "cut at {length}: {replayed:?}");
        }
    }

    #[test]
    fn a_step_that_started_without_an_end_is_in_doubt() {
        let replay = Replay::of(&whole()[..4]).expect("a good journal");
        assert!(matches!(replay.state(&step("build")), StepState::Succeeded { .. }));
        assert_eq!(replay.state(&step("push")), StepState::InDoubt);
        assert_eq!(replay.state(&step("deploy")), StepState::NeverStarted);
        assert_eq!(replay.handovers["web"].built, Some(Digest::of(b"build")));
    }

    #[test]
    fn illegal_entries_are_refused() {
        #[track_caller]
        fn case(entries: &[JournalEntry], expected: &str) {
            let refused = Replay::of(entries).expect_err("illegal");
            assert_eq!(refused.to_string(), expected);
        }

        let start = whole().remove(0);
        case(
            &[started("build")],
            "entry 1 of the journal cannot follow the entries before it: the run has not started",
        );
        case(
            &[start.clone(), start.clone()],
            "entry 2 of the journal cannot follow the entries before it: the run starts twice",
        );
        case(
            &[start.clone(), succeeded("build")],
            "entry 2 of the journal cannot follow the entries before it: `web.build` ends without having started",
        );
        case(
            &[start.clone(), rollback(RollbackRecord::Begun { undoes: vec![] })],
            "entry 2 of the journal cannot follow the entries before it: `web.deploy` is rolled back and replaced nothing",
        );
        case(
            &[start, started("build"), succeeded("build"), started("build")],
            "entry 4 of the journal cannot follow the entries before it: `web.build` starts after it succeeded",
        );
    }

    fn rollback(record: RollbackRecord) -> JournalEntry {
        JournalEntry::Rollback { step: step("deploy"), record: record.into() }
    }

    /// A deploy, a check that succeeded and a verify that failed, before the rollback.
    fn to_roll_back() -> Vec<JournalEntry> {
        let replaced = Replaced { target: String::from("/web").into(), previous: None };
        let failure = Failure { chain: vec!["no".into()], ..Failure::default() };
        let outcome = Outcome::Failed { failure, tolerated: false };
        let undoes = ["deploy", "check", "verify"].map(step).to_vec();
        vec![
            whole().remove(0),
            started("push"),
            succeeded("push"),
            started("deploy"),
            rollback(RollbackRecord::Replaces(replaced)),
            succeeded("deploy"),
            started("check"),
            succeeded("check"),
            started("verify"),
            JournalEntry::StepEnded { step: step("verify"), outcome },
            rollback(RollbackRecord::Begun { undoes }),
        ]
    }

    #[test]
    fn what_a_deploy_replaces_is_known_until_it_is_put_back() {
        let mut entries = to_roll_back();
        let begun = Replay::of(&entries).expect("a good journal");
        let state = &begun.rollbacks[&step("deploy")];
        assert_eq!(state.replaced.target.as_str(), "/web");
        assert_eq!(state.undoes.as_ref().map(Vec::len), Some(3));
        assert!(matches!(begun.state(&step("deploy")), StepState::Succeeded { .. }));
        assert!(matches!(begun.ended[&step("verify")], Outcome::Failed { .. }));

        entries.push(rollback(RollbackRecord::Ended(RollbackOutcome::Removed)));
        let ended = Replay::of(&entries).expect("a good journal");
        assert!(ended.rollbacks.is_empty());
        for undone in ["deploy", "check", "verify"] {
            assert_eq!(ended.state(&step(undone)), StepState::Ended, "{undone}");
        }
        assert!(matches!(ended.state(&step("push")), StepState::Succeeded { .. }));
    }

    #[test]
    fn after_a_failed_rollback_the_version_before_is_still_known() {
        let mut entries = to_roll_back();
        let outcome = RollbackOutcome::Failed { to: None, failure: Failure::default() };
        entries.push(rollback(RollbackRecord::Ended(outcome)));
        let replay = Replay::of(&entries).expect("a good journal");
        assert_eq!(replay.rollbacks[&step("deploy")].undoes, None);
        assert_eq!(replay.state(&step("deploy")), StepState::Ended);
    }

    #[test]
    fn what_was_kept_is_not_deployed_again() {
        let mut entries = to_roll_back();
        entries.push(rollback(RollbackRecord::Ended(RollbackOutcome::Kept)));
        let replay = Replay::of(&entries).expect("a good journal");
        assert!(matches!(replay.state(&step("deploy")), StepState::Succeeded { .. }));
    }

    #[test]
    fn an_entry_is_one_readable_line() {
        let line = serde_json::to_string(&succeeded("build")).expect("an entry serialises");
        assert_eq!(
            line,
            format!(
                r#"{{"entry":"step-succeeded","step":{{"service":"web","step":"build"}},"outputs":{{"digest":{{"value":"x"}}}},"handover":{{"built":"{}","references":[],"pushed":null,"deployed":null}},"took":0.5}}"#,
                Digest::of(b"build")
            )
        );
        for entry in whole().into_iter().chain(to_roll_back()) {
            let line = serde_json::to_string(&entry).expect("an entry serialises");
            assert_eq!(serde_json::from_str::<JournalEntry>(&line).expect("and back"), entry);
        }
    }
}
