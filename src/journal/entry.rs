//! The entries of the journal: the lines of `journal.jsonl`.

use super::handover::Handover;
use crate::event::{Failure, Outcome, Outputs, Status, StepId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "entry", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum JournalEntry {
    /// The first entry.
    RunStarted(Box<StartRecord>),
    /// Another process resumes the run.
    RunResumed {
        /// RFC 3339.
        at: String,
    },
    /// An attempt is about to be made.
    StepStarted {
        step: StepId,
        /// Counted from 1.
        attempt: u32,
        /// RFC 3339.
        at: String,
    },
    StepSucceeded {
        step: StepId,
        outputs: Outputs<RecordedOutput>,
        handover: Box<Handover>,
        /// In seconds.
        took: f64,
    },
    /// The step failed, timed out, was cancelled or skipped.
    StepEnded { step: StepId, outcome: Outcome },
    /// An attempt failed and another one follows.
    AttemptFailed {
        step: StepId,
        /// Counted from 1.
        attempt: u32,
        failure: Failure,
    },
    /// The last entry, unless the run is resumed.
    RunFinished(RunRecord),
}

/// The inputs of a run. `resume` uses them as they were and resolves only secrets
/// again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StartRecord {
    /// The version of this format: 1.
    pub version: u32,
    /// The id of the run.
    pub run: String,
    /// RFC 3339.
    pub at: String,
    /// The absolute path of the plan's file.
    pub plan: String,
    /// SHA-256 of the plan's text.
    pub plan_digest: String,
    pub dry_run: bool,
    /// The steps chosen on the command line: `--from`, `--until`, `--only`.
    pub selection: serde_json::Value,
    /// The resolved contexts, without secrets.
    pub resolved: serde_json::Value,
    /// The other options of the command line that `resume` needs.
    pub options: serde_json::Value,
}

/// How a run ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    pub status: Status,
    /// The exit code of the process.
    pub exit_code: u8,
}

/// An output in the journal, which holds no secrets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedOutput {
    Value(String),
    /// The value is secret; this is its source, such as `secrets.token`.
    Secret(String),
}
