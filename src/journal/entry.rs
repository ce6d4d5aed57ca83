//! The entries of the journal: the lines of `journal.jsonl`.

use super::handover::Handover;
use super::options::RunOptions;
use super::rollback::RollbackRecord;
use crate::event::{Failure, Outcome, Outputs, Status, StepId};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::PathBuf;

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
        /// SHA-256 of what the plan said of the step. Earlier journals do not have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planned: Option<String>,
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
    /// What a deploy replaces, and how putting it back goes.
    Rollback {
        /// The deploy.
        step: StepId,
        record: Box<RollbackRecord>,
    },
    /// The last entry, unless the run is resumed.
    RunFinished(RunRecord),
}

/// The inputs of a run. `resume` uses them as they were and resolves only secrets
/// again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StartRecord {
    /// [`StartRecord::VERSION`] of the Shipway that started the run.
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
    /// The resolved contexts, without secrets.
    pub resolved: serde_json::Value,
    /// Defaults in a record of another version.
    #[serde(default, deserialize_with = "options_or_default")]
    pub options: RunOptions,
    /// The state folder of the local cloud of a dry run.
    #[serde(default)]
    pub local: PathBuf,
}

impl StartRecord {
    /// The version of this format. Version 1 did not hold every option, version 2 not
    /// what is checked out of the pull request, version 3 no checksums.
    pub const VERSION: u32 = 4;

    /// Whether each line of the journal has a checksum.
    pub fn has_checksums(&self) -> bool {
        self.version >= 4
    }
}

/// Reads what it can, so that the journals of other versions stay readable:
/// whether their options count, [`StartRecord::version`] tells.
fn options_or_default<'de, D: Deserializer<'de>>(from: D) -> Result<RunOptions, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// How a run ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    pub status: Status,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The time of the process since its first step, in seconds. Earlier journals do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<f64>,
}

/// An output in the journal, which holds no secrets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedOutput {
    Value(String),
    /// The value is secret; this is its source, such as `secrets.token`.
    Secret(String),
}
