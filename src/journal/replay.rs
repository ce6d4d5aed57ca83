//! One transition function, for writing and for believing.
//!
//! Used when writing, so that nonsense is never recorded, and when resuming,
//! so that it is never believed.

use super::entry::{Entry, Handover, RecordedOutput, RunRecord, StartRecord};
use crate::event::StepId;
use std::collections::BTreeMap;

/// What the journal says of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum StepState {
    /// Nothing.
    #[default]
    NeverStarted,
    /// Started, and then silence: it may have happened, it may not have.
    InDoubt,
    /// Done.
    Succeeded {
        /// What it gave.
        outputs: BTreeMap<String, RecordedOutput>,
    },
    /// Ended without having done it; a later process may try again.
    Ended,
}

/// What a whole journal says.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// The first entry.
    pub start: Option<StartRecord>,
    /// By step.
    pub steps: BTreeMap<StepId, StepState>,
    /// By service, the last handover.
    pub handovers: BTreeMap<String, Handover>,
    /// The last entry, once the run has finished.
    pub finished: Option<RunRecord>,
}

/// An entry that cannot follow what stands before it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the journal's entry {place} cannot follow what stands before it: {what}")]
pub struct IllegalEntry {
    /// Counted from 1.
    pub place: usize,
    /// The entry in words.
    pub what: String,
}

impl Replay {
    /// Believes all entries, in order.
    pub fn of(entries: &[Entry]) -> Result<Self, IllegalEntry> {
        let mut replay = Self::default();
        for (place, entry) in entries.iter().enumerate() {
            replay.apply(entry).map_err(|what| IllegalEntry { place: place + 1, what })?;
        }
        Ok(replay)
    }

    /// Believes one more entry, or says in words why it cannot be.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::RunStarted(_) if self.start.is_some() => Err("the run starts twice".into()),
            Entry::RunStarted(start) => {
                self.start = Some(start.as_ref().clone());
                Ok(())
            }
            _ if self.start.is_none() => Err("the run has not started".into()),
            Entry::RunResumed { .. } => {
                self.finished = None;
                Ok(())
            }
            Entry::RunFinished(record) => {
                self.finished = Some(record.clone());
                Ok(())
            }
            Entry::StepStarted { step, .. } => self.started(step),
            Entry::AttemptFailed { step, .. } => self.in_doubt(step).map(drop),
            Entry::StepSucceeded { step, outputs, handover, .. } => {
                *self.in_doubt(step)? = StepState::Succeeded { outputs: outputs.clone() };
                self.handovers.insert(step.service.clone(), handover.as_ref().clone());
                Ok(())
            }
            Entry::StepEnded { step, .. } => match self.state(step) {
                StepState::Succeeded { .. } => Err(format!("`{step}` ends after it succeeded")),
                StepState::NeverStarted | StepState::InDoubt | StepState::Ended => {
                    self.steps.insert(step.clone(), StepState::Ended);
                    Ok(())
                }
            },
        }
    }

    /// Takes over what an earlier run says of steps and services of which this
    /// one says nothing.
    pub fn fill_from(&mut self, earlier: Self) {
        for (step, state) in earlier.steps {
            self.steps.entry(step).or_insert(state);
        }
        for (service, handover) in earlier.handovers {
            self.handovers.entry(service).or_insert(handover);
        }
    }

    /// What is known of a step.
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
    use crate::event::{Failure, Outcome, Status, StepId};
    use crate::journal::entry::{Entry, Handover, RecordedOutput, RunRecord, StartRecord};
    use std::collections::BTreeMap;

    fn step(name: &str) -> StepId {
        StepId { service: "web".into(), step: name.into() }
    }

    fn started(name: &str) -> Entry {
        Entry::StepStarted { step: step(name), attempt: 1, at: "2026-11-21T10:00:00Z".into() }
    }

    fn succeeded(name: &str) -> Entry {
        let handover = Handover { built: Some(name.into()), ..Handover::default() };
        let outputs = BTreeMap::from([("digest".into(), RecordedOutput::Value("x".into()))]);
        Entry::StepSucceeded { step: step(name), outputs, handover: handover.into(), took: 0.5 }
    }

    fn whole() -> Vec<Entry> {
        let start = StartRecord {
            version: 1,
            run: "01".into(),
            at: "2026-11-21T10:00:00Z".into(),
            plan: "shipway.yml".into(),
            plan_digest: "sha256:0".into(),
            dry_run: true,
            selection: serde_json::Value::Null,
            resolved: serde_json::Value::Null,
            options: serde_json::Value::Null,
        };
        let failure = Failure { chain: vec!["no".into()], ..Failure::default() };
        let ended = Outcome::Failed { failure: failure.clone(), tolerated: false };
        vec![
            Entry::RunStarted(start.into()),
            started("build"),
            succeeded("build"),
            started("push"),
            Entry::AttemptFailed { step: step("push"), attempt: 1, failure },
            started("push"),
            Entry::StepEnded { step: step("push"), outcome: ended },
            Entry::RunFinished(RunRecord { status: Status::Failed, exit_code: 4 }),
            Entry::RunResumed { at: "2026-11-21T11:00:00Z".into() },
            started("push"),
            succeeded("push"),
            Entry::RunFinished(RunRecord { status: Status::Succeeded, exit_code: 0 }),
        ]
    }

    #[test]
    fn every_prefix_of_a_good_journal_replays() {
        let whole = whole();
        for length in 0..=whole.len() {
            let replayed = Replay::of(&whole[..length]);
            assert!(replayed.is_ok(), "cut at {length}: {replayed:?}");
        }
    }

    #[test]
    fn started_then_silence_is_a_state_of_its_own() {
        let replay = Replay::of(&whole()[..4]).expect("a good journal");
        assert!(matches!(replay.state(&step("build")), StepState::Succeeded { .. }));
        assert_eq!(replay.state(&step("push")), StepState::InDoubt);
        assert_eq!(replay.state(&step("deploy")), StepState::NeverStarted);
        assert_eq!(replay.handovers["web"].built.as_deref(), Some("build"));
    }

    #[test]
    fn nonsense_is_not_believed() {
        #[track_caller]
        fn case(entries: &[Entry], expected: &str) {
            let refused = Replay::of(entries).expect_err("nonsense");
            assert_eq!(refused.to_string(), expected);
        }

        let start = whole().remove(0);
        case(
            &[started("build")],
            "the journal's entry 1 cannot follow what stands before it: the run has not started",
        );
        case(
            &[start.clone(), start.clone()],
            "the journal's entry 2 cannot follow what stands before it: the run starts twice",
        );
        case(
            &[start.clone(), succeeded("build")],
            "the journal's entry 2 cannot follow what stands before it: `web.build` ends without having started",
        );
        case(
            &[start, started("build"), succeeded("build"), started("build")],
            "the journal's entry 4 cannot follow what stands before it: `web.build` starts after it succeeded",
        );
    }

    #[test]
    fn an_entry_is_one_readable_line() {
        let line = serde_json::to_string(&succeeded("build")).expect("an entry serialises");
        assert_eq!(
            line,
            r#"{"entry":"step-succeeded","step":{"service":"web","step":"build"},"outputs":{"digest":{"value":"x"}},"handover":{"built":"build","platform":null,"references":[],"pushed":null,"deployed":null},"took":0.5}"#
        );
        for entry in whole() {
            let line = serde_json::to_string(&entry).expect("an entry serialises");
            assert_eq!(serde_json::from_str::<Entry>(&line).expect("and back"), entry);
        }
    }
}
