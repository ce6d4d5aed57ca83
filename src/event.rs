//! The facts a run produces, in order.
//!
//! Reporters are functions of this stream and nothing else. If a reporter needs
//! something it cannot find here, the event is missing a field. All text in an
//! event is already redacted.
//!
//! Serialised, this is what `--output json` prints, so a change of a name here
//! is a change of a documented format. Spans of time are seconds.

use serde::{Deserialize, Serialize, Serializer};
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
    #[serde(with = "seconds")]
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
    AttemptFailed {
        step: StepId,
        attempt: u32,
        of: u32,
        failure: Failure,
        #[serde(with = "seconds")]
        retry_in: Duration,
    },
    /// The last word on a step.
    StepFinished {
        step: StepId,
        outcome: Outcome,
        #[serde(with = "seconds")]
        took: Duration,
        outputs: Outputs,
    },
    /// The run will start no further steps.
    RunCancelled { reason: CancelReason },
    /// A step's deployed group was put back, deleted, or could not be.
    RolledBack { step: StepId, worked: bool, message: String },
    /// Something was reported where people read it, such as the comment.
    Reported(Reported),
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
    /// What is being run, where that is known.
    pub origin: Origin,
    /// The services and the ids of their steps, in the plan's order.
    pub steps: Vec<PlannedStep>,
}

/// Where the source of a run comes from and where its log can be read.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The commit's whole hash: of a pull request its head, not GitHub's merge.
    pub commit: Option<String>,
    /// Where that commit can be seen.
    pub commit_url: Option<String>,
    /// Where the log of this run can be read.
    pub run_url: Option<String>,
}

/// Something that was put where people read it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reported {
    /// Where.
    pub to: Channel,
    /// Its id there, such as that of the comment.
    pub id: Option<u64>,
    /// Where it can be seen.
    pub url: Option<String>,
    /// What it says, as plain text. Given in a dry run, which shows it.
    pub text: Option<String>,
}

/// Where a run is reported.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The comment on the pull request.
    Comment,
    /// GitHub's deployment.
    Deployment,
    /// The status of the commit.
    Status,
    /// The summary of the job.
    Summary,
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
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// What is done to the bytes.
    pub verb: Verb,
    /// There so far.
    pub done: u64,
    /// In all, as far as is known.
    pub total: u64,
    /// The parts that moved since the event before; of the first event, all.
    pub layers: Vec<LayerProgress>,
}

impl Progress {
    /// Takes over a later event of the same transfer.
    pub fn go_on(&mut self, later: Self) {
        (self.done, self.total) = (later.done, later.total);
        for layer in later.layers {
            match self.layers.iter_mut().find(|known| known.name == layer.name) {
                Some(known) => *known = layer,
                None => self.layers.push(layer),
            }
        }
    }
}

/// What is done to the bytes of a transfer, as what was done to those there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Brought into registries, or found there.
    Pushed,
    /// Fetched from a registry.
    Pulled,
    /// Read, to become layers.
    Packed,
    /// Taken from a layout or an archive.
    Copied,
}

/// How far one part of a transfer is: a layer, or an image's configuration.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LayerProgress {
    /// Its digest; what it is made from where it has none yet.
    pub name: String,
    /// There so far.
    pub done: u64,
    /// In all.
    pub total: u64,
}

/// An error flattened to text, already redacted, so that it can be written to
/// the journal and read by a process that has never seen the secrets.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failure {
    /// What was being done, then why it went wrong, outermost first.
    pub chain: Vec<String>,
    /// Further lines: the last exchange, events, log lines.
    pub details: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Where in the plan the step is that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place in the plan.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Place {
    /// The file, relative to the repository where it lies in one.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
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
        #[serde(with = "seconds")]
        limit: Duration,
        /// The step says `continue-on-error`.
        #[serde(default)]
        tolerated: bool,
    },
    /// It was not started.
    Skipped {
        /// Why, in words that fit after "skipped: ".
        because: String,
    },
    /// It was stopped.
    Cancelled,
}

impl Outcome {
    /// The failure that makes the run fail; `None` for a tolerated one.
    pub fn fatal(&self) -> Option<Failure> {
        match self {
            Self::Failed { failure, tolerated: false } => Some(failure.clone()),
            Self::TimedOut { limit, tolerated: false } => {
                let chain = vec![format!("it took longer than {} s", limit.as_secs_f64())];
                Some(Failure { chain, ..Failure::default() })
            }
            Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Succeeded
            | Self::AlreadyDone
            | Self::Skipped { .. }
            | Self::Cancelled => None,
        }
    }
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
    #[serde(with = "seconds")]
    pub took: Duration,
    /// The first step that failed, and why.
    #[serde(serialize_with = "named_failure")]
    pub failure: Option<(StepId, Failure)>,
}

/// Writes the pair as one object, `{"step": …, "failure": …}`.
#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn named_failure<S: Serializer>(
    failure: &Option<(StepId, Failure)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named<'a> {
        step: &'a StepId,
        failure: &'a Failure,
    }
    failure.as_ref().map(|(step, failure)| Named { step, failure }).serialize(serializer)
}

/// A span of time as a number of seconds, to the millisecond.
mod seconds {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(
        span: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let whole = Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        serializer.serialize_f64(whole.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, EventKind, Failure, Outcome, Place, ServiceResult, Status, StepId};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn failure() -> Failure {
        Failure {
            chain: vec!["push `x`".into(), "no answer".into()],
            details: vec![],
            help: None,
            place: None,
        }
    }

    #[test]
    fn spans_of_time_are_seconds() {
        let event = Event {
            at: Duration::from_micros(1_234_567),
            kind: EventKind::StepFinished {
                step: StepId { service: "web".into(), step: "push".into() },
                outcome: Outcome::TimedOut { limit: Duration::from_mins(10), tolerated: false },
                took: Duration::from_millis(800),
                outputs: BTreeMap::new(),
            },
        };
        assert_eq!(
            serde_json::to_string(&event).expect("an event is JSON"),
            r#"{"at":1.234,"event":"step-finished","step":{"service":"web","step":"push"},"outcome":{"is":"timed-out","limit":600.0,"tolerated":false},"took":0.8,"outputs":{}}"#
        );
    }

    #[test]
    fn an_outcome_is_read_back() {
        let outcome = Outcome::TimedOut { limit: Duration::from_millis(1_500), tolerated: true };
        let text = serde_json::to_string(&outcome).expect("an outcome is JSON");
        assert_eq!(serde_json::from_str::<Outcome>(&text).expect("the same"), outcome);

        // Earlier journals have no `tolerated` here.
        let older = r#"{"is":"timed-out","limit":1.5}"#;
        let read = serde_json::from_str::<Outcome>(older).expect("an older outcome");
        assert_eq!(
            read,
            Outcome::TimedOut { limit: Duration::from_millis(1_500), tolerated: false }
        );

        let placed = Failure {
            place: Some(Place { file: "shipway.yml".into(), line: 3, column: 5 }),
            ..failure()
        };
        let text = serde_json::to_string(&placed).expect("a failure is JSON");
        assert_eq!(serde_json::from_str::<Failure>(&text).expect("the same"), placed);
    }

    #[test]
    fn the_failure_of_a_service_names_its_step() {
        let result = ServiceResult {
            name: "web".into(),
            status: Status::Failed,
            outputs: BTreeMap::new(),
            took: Duration::from_secs(2),
            failure: Some((StepId { service: "web".into(), step: "push".into() }, failure())),
        };
        assert_eq!(
            serde_json::to_string(&result).expect("a result is JSON"),
            r#"{"name":"web","status":"failed","outputs":{},"took":2.0,"failure":{"step":{"service":"web","step":"push"},"failure":{"chain":["push `x`","no answer"],"details":[],"help":null}}}"#
        );
    }
}
