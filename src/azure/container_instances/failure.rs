//! Why a group could not be deployed.

use super::evidence::Evidence;
use crate::azure::ArmError;
use crate::azure::resource_groups::LookupError;
use crate::http::{Retry, Retryable};

/// Why a group could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
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
    /// The terminal of a program in a container cannot be reached.
    #[error("cannot connect to the terminal of a program in container group `{group}`")]
    Terminal { group: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// A container ended, or never started.
    #[error("cannot start container group `{group}`: container `{}` does not run: {}", crash.container, crash.why)]
    Crashed {
        group: String,
        crash: Box<Crash>,
        #[source]
        evidence: Box<Evidence>,
    },
    /// A container does not stay up, although another one answers.
    #[error(
        "the service answers, but container `{}` of container group `{group}` does not stay up: {}",
        crash.container,
        crash.why
    )]
    Broken {
        group: String,
        crash: Box<Crash>,
        #[source]
        evidence: Box<Evidence>,
    },
}

/// A container that does not run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Crash {
    pub container: String,
    /// The reason in one line.
    pub why: String,
}

impl Retryable for DeployError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::NoResourceGroup(error) => error.retry(),
            Self::Mistake { .. }
            | Self::NeedsReplacement { .. }
            | Self::Terminal { .. }
            | Self::Crashed { .. }
            | Self::Broken { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Mistake { .. } => None,
            Self::NoResourceGroup(error) => error.help(),
            Self::Terminal { .. } => Some(
                "the web socket is on port 19390, which this machine's network has to let out"
                    .to_owned(),
            ),
            Self::Arm { source, .. } | Self::NeedsReplacement { source, .. } => source.help(),
            Self::Crashed { crash, evidence, .. } | Self::Broken { crash, evidence, .. } => {
                evidence.remedy(&crash.why)
            }
        }
    }
}
