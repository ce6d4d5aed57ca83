//! The facts a run produces, in order.
//!
//! Reporters are functions of this stream and nothing else. If a reporter needs
//! something it cannot find here, the event is missing a field. All text in an
//! event is already redacted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A step of a service.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct StepId {
    /// The service it belongs to; empty where the plan has one service, given
    /// by top-level `steps`.
    pub service: String,
    /// Its id in the service.
    pub step: String,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.service.is_empty() {
            return f.write_str(&self.step);
        }
        write!(f, "{}.{}", self.service, self.step)
    }
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Since the run started. Wall-clock time is on `RunStarted` alone.
    pub at: Duration,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum EventKind {
    /// The first event.
    RunStarted(RunStarted),
    /// A step's first attempt begins.
    StepStarted { step: StepId },
    /// A line a child process wrote, without its line end.
    OutputLine { step: StepId, stream: Stream, line: String },
    /// Something worth a line, such as `created container group`.
    Noted { step: StepId, message: String },
    /// Something worth a warning.
    Warned { step: Option<StepId>, message: String },
    /// How far a transfer is. Never the last word on a step.
    Progressed { step: StepId, progress: Progress },
    /// An attempt failed and another follows.
    AttemptFailed { step: StepId, attempt: u32, of: u32, failure: Failure, retry_in: Duration },
    /// The last word on a step.
    StepFinished { step: StepId, outcome: Outcome, took: Duration, outputs: Outputs },
    /// The run will start no further steps.
    RunCancelled { reason: CancelReason },
    /// A step's deployed group was put back, deleted, or could not be.
    RolledBack { step: StepId, worked: bool, message: String },
    /// The last event.
    RunFinished(RunFinished),
}

/// What a step gave, by name, as the design's table of outputs lists them.
/// An output that holds a secret is not here.
pub type Outputs = BTreeMap<String, String>;

/// How a run began.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunStarted {
    /// Its id, which sorts by time.
    pub run: String,
    /// The plan's name.
    pub plan: String,
    /// The plan's file as it was given.
    pub file: String,
    /// The environment chosen.
    pub environment: Option<String>,
    /// Whether it runs against the local cloud.
    pub dry_run: bool,
    /// Wall-clock time, RFC 3339.
    pub started: String,
    /// The services and the ids of their steps, in the plan's order.
    pub steps: Vec<PlannedStep>,
}

/// A step as reporters know it before it starts.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedStep {
    /// Its id.
    pub id: StepId,
    /// The action's keyword.
    pub action: &'static str,
    /// What people are shown: the step's name, else its id.
    pub title: String,
}

/// Which stream of a child a line came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How far a transfer is, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// Sent or received so far.
    pub done: u64,
    /// In all, as far as is known.
    pub total: u64,
}

/// An error flattened to text, already redacted, so that it can be written to
/// the journal and read by a process that has never seen the secrets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failure {
    /// What was being done, then why it went wrong, outermost first.
    pub chain: Vec<String>,
    /// Further lines: the last exchange, events, log lines.
    pub details: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// How a step ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it was to do.
    Succeeded,
    /// The journal shows it done by an earlier process of this run.
    AlreadyDone,
    /// It did not, after all its attempts.
    Failed {
        /// The last attempt's error.
        failure: Failure,
        /// The step says `continue-on-error`.
        tolerated: bool,
    },
    /// An attempt took too long.
    TimedOut {
        /// What was allowed.
        limit: Duration,
    },
    /// It was not started.
    Skipped {
        /// Why, in words that fit after "skipped: ".
        because: String,
    },
    /// It was stopped.
    Cancelled,
}

/// Why a run stops. Ordered by urgency: it may be told to stop more urgently,
/// never less.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelReason {
    /// A step failed. Running steps finish, no new step starts.
    StepFailed,
    /// The journal could not be written. Acting without a record is worse than
    /// stopping.
    JournalFailed,
    /// SIGTERM: what a runner sends before it takes the machine away.
    Terminated,
    /// SIGINT.
    Interrupted,
    /// The second signal. Children are killed, not asked.
    Killed,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunFinished {
    /// In one word.
    pub status: Status,
    /// The process's exit code, of the design's table.
    pub exit_code: u8,
    /// In the plan's order.
    pub services: Vec<ServiceResult>,
    /// What a dry run did not contain, placeholders used, base images fetched.
    pub notes: Vec<String>,
}

/// How a run ended, in one word.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every step that ran did what it was to do.
    Succeeded,
    /// A step failed.
    Failed,
    /// A signal stopped it.
    Cancelled,
}

/// What came of one service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceResult {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// The outputs of its last push, deploy and verify.
    pub outputs: Outputs,
    /// From its first step's start to its last step's end.
    pub took: Duration,
    /// The first step that failed, and why.
    pub failure: Option<(StepId, Failure)>,
}
