//! Why spans were not sent.

use crate::http::{self, Retry, Retryable};
use std::time::Duration;

/// Why the spans of a run were not sent to the collector.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A variable has a value that is not supported.
    #[error("`{variable}` is `{value}`: {why}")]
    Variable { variable: String, value: String, why: &'static str },
    #[error("the settings of the collector cannot be used: {0}")]
    Settings(String),
    #[error("the spans cannot be written: {0}")]
    Encode(String),
    #[error("{host} did not answer within {limit:?}")]
    TimedOut { host: String, limit: Duration },
    /// The collector did not take them.
    #[error(transparent)]
    Send(Box<http::Error>),
}

impl Retryable for OtlpError {
    fn retry(&self) -> Retry {
        match self {
            Self::Send(source) => source.retry(),
            Self::Variable { .. } | Self::Settings(_) | Self::Encode(_) | Self::TimedOut { .. } => {
                Retry::Never
            }
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Send(source) => source.help(),
            Self::Variable { .. } | Self::Settings(_) | Self::Encode(_) | Self::TimedOut { .. } => {
                None
            }
        }
    }
}
