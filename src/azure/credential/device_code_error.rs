//! Why a person who was given a code is not signed in.

use crate::http::{self, Retry, Retryable};

/// Why the person is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum DeviceCodeError {
    #[error("there is no terminal to show the code in")]
    NoTerminal,
    #[error("the code was not entered within {time}")]
    Expired { time: String },
    #[error("the sign-in was declined in the browser")]
    Declined,
    #[error("{host} no longer knows the code")]
    Unknown { host: String },
    /// No answer, or one of something between here and Entra.
    #[error("cannot reach {host}")]
    Unreachable { host: String, source: http::Error },
}

impl Retryable for DeviceCodeError {
    fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { source, .. } => source.retry(),
            Self::NoTerminal | Self::Expired { .. } | Self::Declined | Self::Unknown { .. } => {
                Retry::Never
            }
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::NoTerminal => {
                "run it where standard input and standard error are a terminal and `CI` is not \
                 set, or leave out the plan's `azure.sign-in`"
            }
            Self::Expired { .. } | Self::Unknown { .. } => {
                "run the command again, and enter its code before it ends"
            }
            Self::Declined => {
                "run the command again and agree in the browser, or sign in with `az login`"
            }
            Self::Unreachable { .. } => {
                "check that this machine reaches the sign-in host, and `HTTPS_PROXY`"
            }
        };
        Some(help.to_owned())
    }
}
