//! Why a container group could not be deployed, read, entered or deleted.

use super::evidence::Evidence;
use crate::azure::ArmError;
use crate::azure::resource_groups::LookupError;
use crate::http::{Retry, Retryable};

/// The failure of a request for a container group, or of the group itself.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// Azure would refuse the group, so it was not sent.
    #[error("cannot deploy container group `{group}`: {mistake}")]
    Mistake { group: String, mistake: String },
    #[error("cannot {doing} container group `{group}`")]
    Arm {
        /// The verb of the message, such as `create or update`.
        doing: &'static str,
        group: String,
        source: Box<ArmError>,
    },
    /// The resource group of the group does not exist.
    #[error(transparent)]
    NoResourceGroup(LookupError),
    /// The update requires a replacement, which the plan forbids.
    #[error(
        "cannot update container group `{group}`: Azure does not change {} in place",
        if changes.is_empty() { "this".to_owned() } else { changes.join(", ") }
    )]
    NeedsReplacement {
        group: String,
        /// The differences that require it; empty where none was found.
        changes: Vec<String>,
        source: Box<ArmError>,
    },
    /// The web socket of a program that was started in a container cannot be reached.
    #[error("cannot connect to the terminal of a program in container group `{group}`")]
    Terminal { group: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// A container ended, or never started.
    #[error("cannot start container group `{group}`: container `{}` does not run: {}", stopped.container, stopped.why)]
    NotStarted {
        group: String,
        stopped: Box<StoppedContainer>,
        #[source]
        evidence: Box<Evidence>,
    },
    /// A container does not stay up, although another one answers.
    #[error(
        "the service answers, but container `{}` of container group `{group}` does not stay up: {}",
        stopped.container,
        stopped.why
    )]
    NotSteady {
        group: String,
        stopped: Box<StoppedContainer>,
        #[source]
        evidence: Box<Evidence>,
    },
}

/// A container that does not run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoppedContainer {
    pub container: String,
    /// The reason in one line.
    pub why: String,
}

impl Retryable for GroupError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::NoResourceGroup(error) => error.retry(),
            Self::Mistake { .. }
            | Self::NeedsReplacement { .. }
            | Self::Terminal { .. }
            | Self::NotStarted { .. }
            | Self::NotSteady { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Mistake { .. } => Some("change it in the plan, under `deploy`".to_owned()),
            Self::NoResourceGroup(error) => error.help(),
            Self::Terminal { .. } => Some(
                "the web socket is on port 19390, which this machine's network must allow"
                    .to_owned(),
            ),
            Self::Arm { source, .. } | Self::NeedsReplacement { source, .. } => source.help(),
            Self::NotStarted { stopped, evidence, .. }
            | Self::NotSteady { stopped, evidence, .. } => evidence.remedy(&stopped.why),
        }
    }
}
