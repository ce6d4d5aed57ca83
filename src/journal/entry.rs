//! The entries, as they stand in `journal.jsonl`, one a line.

use crate::event::{Failure, Outcome, Status, StepId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of the journal.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "entry", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Entry {
    /// The first: what the run was given.
    RunStarted(Box<StartRecord>),
    /// Another process goes on with this run.
    RunResumed {
        /// When, RFC 3339.
        at: String,
    },
    /// An attempt is about to be made.
    StepStarted {
        /// Which step.
        step: StepId,
        /// Counted from 1.
        attempt: u32,
        /// When, RFC 3339.
        at: String,
    },
    /// The step did what it was to do.
    StepSucceeded {
        /// Which step.
        step: StepId,
        /// What it gave.
        outputs: BTreeMap<String, RecordedOutput>,
        /// What its service's later steps take from here.
        handover: Box<Handover>,
        /// How long it took, in seconds.
        took: f64,
    },
    /// It did not, or was never started.
    StepEnded {
        /// Which step.
        step: StepId,
        /// How.
        outcome: Outcome,
    },
    /// An attempt failed and another follows.
    AttemptFailed {
        /// Which step.
        step: StepId,
        /// Counted from 1.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// The last.
    RunFinished(RunRecord),
}

/// What a run was given: `resume` uses this and resolves nothing anew but
/// secrets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StartRecord {
    /// The version of this format: 1.
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// When, RFC 3339.
    pub at: String,
    /// The plan's file, absolute.
    pub plan: String,
    /// SHA-256 of the plan's text.
    pub plan_digest: String,
    /// Whether it runs against the local cloud.
    pub dry_run: bool,
    /// What was asked for on the command line beside the plan: `--from` and
    /// its kin.
    pub selection: serde_json::Value,
    /// The resolved contexts, without secrets.
    pub resolved: serde_json::Value,
    /// What the command line said that the run needs again.
    pub options: serde_json::Value,
}

/// How a run ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// In one word.
    pub status: Status,
    /// The process's exit code.
    pub exit_code: u8,
}

/// An output as the journal holds it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedOutput {
    /// Its value.
    Value(String),
    /// It holds a secret: where that comes from.
    Secret(String),
}

/// What the steps of one service hand on to those that follow, beside outputs.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Handover {
    /// The digest of the manifest of the image that was built, in the store.
    pub built: Option<String>,
    /// What it runs on; of an index, all that it runs on, with a comma between.
    pub platform: Option<String>,
    /// The repository that holds a blob of it, by digest: not all that is
    /// promoted, or built upon, is fetched.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub origins: BTreeMap<String, String>,
    /// The references of the last `tag`, in order.
    pub references: Vec<String>,
    /// `repository@digest` of the last `push`.
    pub pushed: Option<String>,
    /// Where that was an index: the digest of the image for each platform.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// The last `deploy`.
    pub deployed: Option<Deployed>,
}

/// A deployed container group.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deployed {
    /// Its id in Resource Manager.
    pub resource_id: String,
    /// Its host name, where it has one.
    pub fqdn: Option<String>,
    /// Its address.
    pub ip: Option<String>,
    /// The URL of its first public port.
    pub url: Option<String>,
}
