//! How steps, services and runs end.

use super::failure::Failure;
use super::id::StepId;
use super::named_failure;
use super::outputs::Outputs;
use super::rollback::Rollback;
use super::seconds;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a step ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    Succeeded,
    /// According to the journal, an earlier process of this run did the step.
    AlreadyDone,
    Failed {
        /// The error of the last attempt.
        failure: Failure,
        /// The step says `continue-on-error`.
        tolerated: bool,
    },
    /// An attempt took longer than the step's `timeout`. It is not retried.
    TimedOut {
        #[serde(with = "seconds")]
        limit: Duration,
        /// The step says `continue-on-error`.
        #[serde(default)]
        tolerated: bool,
        /// That it took too long, and what was known of the reason.
        #[serde(default)]
        failure: Failure,
    },
    /// The step was not started.
    Skipped {
        /// Fits after "skipped: ".
        because: String,
    },
    /// A signal or a journal that cannot be written stopped the step.
    Cancelled,
}

impl Outcome {
    /// A time-out of which nothing else is known.
    #[cfg(test)]
    pub fn timed_out(limit: Duration) -> Self {
        Self::TimedOut { limit, tolerated: false, failure: Failure::of_timeout(limit) }
    }

    /// Whether the step's own work ended well, before `continue-on-error`: the
    /// value of `steps.ID.outcome` at GitHub.
    pub fn as_github_outcome(&self) -> &'static str {
        match self {
            Self::Succeeded | Self::AlreadyDone => "success",
            Self::Failed { .. } | Self::TimedOut { .. } => "failure",
            Self::Skipped { .. } => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The same after `continue-on-error`: the value of `steps.ID.conclusion`.
    pub fn as_github_conclusion(&self) -> &'static str {
        match self {
            Self::Failed { tolerated: true, .. } | Self::TimedOut { tolerated: true, .. } => {
                "success"
            }
            Self::Succeeded
            | Self::AlreadyDone
            | Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Skipped { .. }
            | Self::Cancelled => self.as_github_outcome(),
        }
    }

    /// The failure that makes the run fail; `None` for a tolerated one.
    pub fn fatal(&self) -> Option<Failure> {
        match self {
            Self::Failed { failure, tolerated: false }
            | Self::TimedOut { failure, tolerated: false, .. } => Some(failure.clone()),
            Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::Succeeded
            | Self::AlreadyDone
            | Self::Skipped { .. }
            | Self::Cancelled => None,
        }
    }
}

/// Why a run stops. Ordered by urgency: a reason is only replaced by a more
/// urgent one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelReason {
    /// A step failed. Running steps finish, no new step starts.
    StepFailed,
    /// The journal could not be written. Effects without a record could not be
    /// resumed safely, so the run stops.
    JournalFailed,
    /// SIGHUP: the terminal was closed.
    HungUp,
    /// SIGTERM: what a CI runner sends before it takes the machine away.
    Terminated,
    /// SIGINT.
    Interrupted,
    /// A second signal: children are killed without a grace period.
    Killed,
}

/// How a run ended.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunFinished {
    pub status: Status,
    /// The exit code of the process.
    pub exit_code: u8,
    /// In the plan's order. Empty if the run was refused.
    pub services: Vec<ServiceResult>,
    /// Why the run was refused before its first step: mistakes in the plan or the
    /// command line, or preconditions that failed. Empty if the run began.
    pub refusals: Vec<Failure>,
    /// Whether an earlier process of the run has run steps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_resumed: bool,
    /// Remarks on a dry run: what the local cloud does not cover, placeholders
    /// used, base images fetched.
    pub notes: Vec<String>,
}

impl RunFinished {
    /// Whether this process ended before its first step, so that it changed nothing.
    pub fn is_refused(&self) -> bool {
        !self.refusals.is_empty()
    }

    /// Whether the plan asked for nothing in this case, so that nothing is missing.
    pub fn is_idle(&self) -> bool {
        let mut services = self.services.iter().filter(|service| !service.is_left_out()).peekable();
        services.peek().is_some()
            && services.all(|service| service.reason.as_deref() == Some(NO_STEP_APPLIES))
    }
}

/// How a run or a service ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// No step failed, apart from tolerated failures, and none was left out that the
    /// plan asks for.
    Succeeded,
    Failed,
    /// Nothing was done, or a step that the plan asks for was left out. A run is
    /// skipped if the code comes from a fork, which is not deployed, or if all of its
    /// services are.
    Skipped,
    /// A signal stopped the run.
    Cancelled,
}

/// Why a service is skipped that `--only` does not name.
pub const LEFT_OUT_BY_ONLY: &str = "left out by `--only`";

/// Why a service is skipped of which each step has a condition that is false.
pub const NO_STEP_APPLIES: &str = "no step applies";

/// How a service ended.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceResult {
    pub name: String,
    pub status: Status,
    /// What is missing although the plan asks for it, such as `not deployed`. Fits
    /// after "skipped, ".
    pub missing: Option<String>,
    /// Why it is missing, or why the service was skipped. Fits after "skipped: ".
    pub reason: Option<String>,
    /// What else is missing, the most important first.
    #[serde(default)]
    pub also_missing: Vec<Shortfall>,
    /// The outputs of its last `push`, `deploy` and `verify`. After a rollback the
    /// address and the image are those of what runs now.
    pub outputs: Outputs,
    /// The image that does not run, because its deploy was rolled back or changed nothing.
    pub withdrawn: Option<String>,
    /// From the start of its first step to the end of its last.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// The first step that failed, unless the failure is tolerated.
    #[serde(serialize_with = "named_failure::write", deserialize_with = "named_failure::read")]
    pub failure: Option<(StepId, Failure)>,
    /// The steps that failed after it, such as one that cleans up.
    #[serde(
        serialize_with = "named_failure::write_all",
        deserialize_with = "named_failure::read_all"
    )]
    pub later_failures: Vec<(StepId, Failure)>,
    /// What became of its deploys after that failure, the last one first. Empty unless
    /// the plan says `on-failure: rollback`.
    pub rollbacks: Vec<Rollback>,
}

impl ServiceResult {
    /// Whether the command line chose other services.
    pub fn is_left_out(&self) -> bool {
        self.reason.as_deref() == Some(LEFT_OUT_BY_ONLY)
    }
}

/// What is missing in the result of a service, and why.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Shortfall {
    /// Such as `not verified`.
    pub missing: String,
    pub reason: String,
}
