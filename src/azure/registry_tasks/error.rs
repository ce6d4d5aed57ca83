//! Why a build in a registry could not be started or followed.

use crate::azure::ArmError;
use crate::http::{self, Retry, Retryable};
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum TasksError {
    #[error("cannot {doing}")]
    Arm {
        /// What was attempted, in words that fit after "cannot".
        doing: String,
        source: Box<ArmError>,
    },
    #[error("cannot read the packed context `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot upload the build context")]
    Upload { source: Box<http::Error> },
    /// The upload goes to storage of the registry's region, not to the registry.
    #[error("the upload of the build context to `{host}` stalled")]
    Stalled { host: String },
    #[error("cannot read the log of the run `{run}`")]
    Log { run: String, source: Box<http::Error> },
    #[error("Azure has no log of the run `{run}`")]
    NoLog { run: String },
}

impl Retryable for TasksError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::Upload { source } | Self::Log { source, .. } => source.retry(),
            Self::Stalled { .. } => Retry::Backoff,
            Self::Read { .. } | Self::NoLog { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Arm { source, .. } => source.help(),
            Self::Upload { source } => {
                let host = source.host();
                source.help().or_else(|| Some(format!("this machine has to reach `{host}`")))
            }
            Self::Stalled { host } => Some(format!("this machine has to reach `{host}`")),
            Self::Log { source, .. } => source.help(),
            Self::Read { .. } | Self::NoLog { .. } => None,
        }
    }
}
