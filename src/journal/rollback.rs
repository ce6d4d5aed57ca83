//! What the journal keeps of a rollback.

use super::handover::TargetId;
use crate::event::{Revision, RollbackOutcome, StepId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a deploy is about to replace. Recorded before the deploy changes anything,
/// because afterwards a process that resumes the run finds only what replaced it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Replaced {
    pub target: TargetId,
    /// `None` if the target did not exist.
    pub previous: Option<Previous>,
}

/// A version of a target that can be put back.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Previous {
    pub revision: Revision,
    /// The target without its secrets. Its form is known to the deploy target that
    /// read it.
    pub state: Value,
}

/// A stage of a rollback.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub enum RollbackRecord {
    /// The deploy is about to replace this.
    Replaces(Replaced),
    /// The service failed, and the rollback is about to begin. A process that resumes
    /// the run after it repeats these steps: the deploy and those that follow it.
    Begun {
        undoes: Vec<StepId>,
    },
    Ended(RollbackOutcome),
}

/// The state of a rollback according to the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RollbackState {
    pub replaced: Replaced,
    /// The steps to repeat, once a rollback has begun. Until it has ended, it may have
    /// happened or not.
    pub undoes: Option<Vec<StepId>>,
}
