//! Errors of requests to Resource Manager.

use super::refusal::Refusal;
use super::remedy;
use crate::azure::CredentialError;
use crate::http::{self, Retry, Retryable, SafeUrl};

/// Why a request to Resource Manager failed.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    #[error(transparent)]
    Token(#[from] CredentialError),
    #[error(transparent)]
    Http(Box<http::Error>),
    /// An error response, or an operation that ended in an error.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// A response that cannot be parsed.
    #[error("cannot read the answer of {host} for `{path}`: {reason}")]
    Unreadable { host: String, path: String, reason: String },
    /// A URL in a response that the token must not be sent to.
    #[error("the token for `{host}` must not be sent to {url}")]
    Foreign {
        url: SafeUrl,
        /// The host that the token is for.
        host: String,
    },
}

impl From<http::Error> for ArmError {
    fn from(error: http::Error) -> Self {
        Self::Http(Box::new(error))
    }
}

impl ArmError {
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Token(_) | Self::Http(_) | Self::Unreadable { .. } | Self::Foreign { .. } => None,
        }
    }

    /// Whether a role is missing for the request.
    pub fn is_forbidden(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == 403)
    }

    /// Whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == 404)
    }
}

impl Retryable for ArmError {
    fn retry(&self) -> Retry {
        match self {
            Self::Token(error) => error.retry(),
            Self::Http(error) => error.retry(),
            Self::Refused(refusal) => refusal.retry(),
            Self::Unreadable { .. } | Self::Foreign { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Token(error) => error.help(),
            Self::Http(error) => error.help(),
            Self::Refused(refusal) => remedy::remedy(refusal),
            Self::Foreign { .. } => Some(
                "something between here and Azure rewrites its answers, or the endpoint given for \
                 Resource Manager is another service's"
                    .to_owned(),
            ),
            Self::Unreadable { .. } => None,
        }
    }
}
