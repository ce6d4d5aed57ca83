//! The events of a run, in order: the contract between the run, the journal and
//! the reporters. It uses no module of the crate but `value`.
//!
//! Reporters are functions of this stream and nothing else. A reporter that needs
//! something it cannot find here needs a new field in an event. All text in an
//! event is already redacted.
//!
//! Serialised, this is what `--output json` prints, so every name here is part of
//! a documented format. Durations are in seconds.

mod failure;
mod id;
mod named_failure;
mod outputs;
mod progress;
mod result;
mod rollback;
mod seconds;

pub use failure::{Failure, PlanPosition};
pub use id::StepId;
pub use outputs::{OutputName, Outputs};
pub use progress::{LayerProgress, Progress, Verb};
pub use result::{
    CancelReason, LEFT_OUT_BY_ONLY, NO_STEP_APPLIES, Outcome, RunFinished, ServiceResult,
    Shortfall, Status,
};
pub use rollback::{Revision, Rollback, RollbackOutcome};

pub use crate::value::Channel;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Something that happened, and when.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Event {
    /// The time since this process started or resumed the run. Only `RunStarted`
    /// carries wall-clock time.
    #[serde(with = "seconds")]
    pub at: Duration,
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum EventKind {
    RunStarted(RunStarted),
    /// The first attempt of a step begins. Not sent for a step that is skipped or was
    /// finished before the run was resumed.
    StepStarted {
        step: StepId,
    },
    /// A line that a child process wrote, to standard output or standard error,
    /// without its line ending. The lines of a child are in the order of writing.
    OutputLine {
        step: StepId,
        line: String,
    },
    /// A message about the progress of a step, such as `created container group`.
    Noted {
        step: StepId,
        message: String,
    },
    /// A warning, of the run as a whole if `step` is `None`.
    Warned {
        step: Option<StepId>,
        message: String,
    },
    /// A request met a fault that was asked for, in a dry run. What follows from it comes
    /// after it.
    FaultMet {
        /// Such as `PUT management.azure.com/…/containerGroups/web`.
        request: String,
        /// The rule, as it was given.
        rule: String,
        /// Which of the requests that met the rule, counted from 1.
        nth: u32,
        /// How many of them the rule is for; `None` for every one.
        of: Option<u32>,
    },
    /// The progress of a transfer. Not every change is sent: the last one may be less
    /// than 100%.
    Progressed {
        step: StepId,
        progress: Progress,
    },
    /// An attempt failed and another one follows.
    AttemptFailed {
        step: StepId,
        /// Counted from 1.
        attempt: u32,
        /// The number of attempts that the step may have.
        of: u32,
        failure: Failure,
        #[serde(with = "seconds")]
        retry_in: Duration,
    },
    /// The last event of a step, and the only one of a step that was not started.
    StepFinished {
        step: StepId,
        outcome: Outcome,
        #[serde(with = "seconds")]
        took: Duration,
        /// Without the outputs that hold a secret. A `run` step that failed keeps what
        /// it wrote before.
        outputs: Outputs,
    },
    /// A deploy whose service failed was rolled back, or could not be. It follows the
    /// last event of the deploy.
    RollbackFinished {
        #[serde(flatten)]
        rollback: Box<Rollback>,
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// The run is to stop: only steps whose `if` asks for it are still started. Sent
    /// again when a more urgent reason replaces this one.
    RunCancelled {
        reason: CancelReason,
    },
    /// The result was published outside of the log, such as in the comment.
    Reported(Reported),
    /// The last event.
    RunFinished(RunFinished),
}

/// The first event: the run and the steps it is going to perform.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunStarted {
    /// The id of the run. Ids sort by time.
    pub run: String,
    /// The name of the plan.
    pub plan: String,
    /// The plan's file as given on the command line.
    pub file: String,
    pub environment: Option<String>,
    pub dry_run: bool,
    /// The step of `--from`: what comes before it is taken as done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Wall-clock time, RFC 3339.
    pub started: String,
    /// After how many seconds what the run deploys expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    pub origin: Origin,
    /// In the plan's order.
    pub steps: Vec<PlannedStep>,
}

/// The commit and the log of a run, as far as they are known.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The full hash of the commit; for a pull request its head, not the merge
    /// commit that GitHub makes.
    pub commit: Option<String>,
    pub commit_url: Option<String>,
    /// Whether files differ from that commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncommitted: bool,
    /// The page of the workflow run.
    pub run_url: Option<String>,
}

/// The result as it was published on one channel.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reported {
    pub to: Channel,
    /// The id that GitHub gave, such as the id of the comment.
    pub id: Option<u64>,
    pub url: Option<String>,
    /// The text without markup. Only set in a dry run, which does not publish it.
    pub text: Option<String>,
}

/// A step as reporters know it before it starts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PlannedStep {
    pub id: StepId,
    /// The keyword of the action, such as `push`.
    pub action: String,
    /// The step's `name`, or else its id in its service.
    pub title: String,
}

#[cfg(test)]
mod tests {
    use super::{
        Event, EventKind, Failure, Outcome, Outputs, PlanPosition, ServiceResult, Status, StepId,
    };
    use std::time::Duration;

    fn failure() -> Failure {
        Failure {
            chain: vec!["cannot push `x`".into(), "no answer".into()],
            details: vec![],
            help: None,
            place: None,
        }
    }

    #[test]
    fn durations_are_serialized_in_seconds() {
        let event = Event {
            at: Duration::from_micros(1_234_567),
            kind: EventKind::StepFinished {
                step: StepId { service: "web".into(), step: "push".into() },
                outcome: Outcome::timed_out(Duration::from_mins(10)),
                took: Duration::from_millis(800),
                outputs: Outputs::new(),
            },
        };
        assert_eq!(
            serde_json::to_string(&event).expect("an event is JSON"),
            r#"{"at":1.234,"event":"step-finished","step":{"service":"web","step":"push"},"outcome":{"is":"timed-out","limit":600.0,"tolerated":false,"failure":{"chain":["it took longer than 600 s"],"details":[],"help":null}},"took":0.8,"outputs":{}}"#
        );
    }

    #[test]
    fn an_outcome_is_read_back() {
        let limit = Duration::from_millis(1_500);
        let outcome = Outcome::timed_out(limit);
        let text = serde_json::to_string(&outcome).expect("an outcome is JSON");
        assert_eq!(serde_json::from_str::<Outcome>(&text).expect("the same"), outcome);

        // Earlier journals have neither `tolerated` nor `failure` here.
        let older = r#"{"is":"timed-out","limit":1.5}"#;
        let read = serde_json::from_str::<Outcome>(older).expect("an older outcome");
        let unknown = Failure::default();
        assert_eq!(read, Outcome::TimedOut { limit, tolerated: false, failure: unknown });

        let placed = Failure {
            place: Some(PlanPosition { file: "shipway.yml".into(), line: 3, column: 5 }),
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
            missing: None,
            reason: None,
            also_missing: vec![],
            outputs: Outputs::new(),
            withdrawn: None,
            took: Duration::from_secs(2),
            failure: Some((StepId { service: "web".into(), step: "push".into() }, failure())),
            later_failures: vec![(
                StepId { service: "web".into(), step: "undo".into() },
                Failure::default(),
            )],
            rollbacks: vec![],
        };
        assert_eq!(
            serde_json::to_string(&result).expect("a result is JSON"),
            r#"{"name":"web","status":"failed","missing":null,"reason":null,"also-missing":[],"outputs":{},"withdrawn":null,"took":2.0,"failure":{"step":{"service":"web","step":"push"},"failure":{"chain":["cannot push `x`","no answer"],"details":[],"help":null}},"later-failures":[{"step":{"service":"web","step":"undo"},"failure":{"chain":[],"details":[],"help":null}}],"rollbacks":[]}"#
        );
    }
}
