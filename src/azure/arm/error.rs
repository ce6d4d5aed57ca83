//! What Resource Manager says when it says no.

use super::remedy;
use crate::azure::CredentialError;
use crate::http::{self, Retry, Retryable, SafeUrl};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// How long a group that is in the middle of something is left alone
/// (learn.microsoft.com, on `ContainerGroupTransitioning`).
const TRANSITION: Duration = Duration::from_secs(10);

/// How long a quota is given to drain.
const DRAIN: Duration = Duration::from_secs(30);

/// A request to Resource Manager that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// No token.
    #[error(transparent)]
    Token(#[from] CredentialError),
    /// No usable answer.
    #[error(transparent)]
    Http(Box<http::Error>),
    /// An answer that is an error, or an operation that ended in one.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// An answer that is not what it should be.
    #[error("read Resource Manager's answer for `{path}`: {reason}")]
    Unreadable {
        /// What was asked for.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address given by the server that our token must not go to.
    #[error("refuse to send the token for `{host}` to {url}")]
    Foreign {
        /// The address.
        url: SafeUrl,
        /// The host that the token is for.
        host: String,
    },
}

/// An error of Resource Manager's own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refusal {
    /// The method of the request.
    pub method: String,
    /// Its path.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// Its code, such as `InaccessibleImage`; empty where there is none.
    pub code: String,
    /// Its words.
    pub message: String,
    /// Codes and words of the errors within, outermost first.
    pub details: Vec<(String, String)>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// What Microsoft's support asks for.
    pub correlation: Option<String>,
}

impl Refusal {
    /// Reads the body of an error: `{"error": {…}}` in any case, the inside
    /// alone as vaults and older services send it, or plain text.
    pub fn read(status: u16, body: &[u8], correlation: Option<String>) -> Self {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            let message = text.trim().chars().take(500).collect();
            return Self { status, message, correlation, ..Self::default() };
        };
        let error = field(&json, "error").filter(|error| error.is_object()).unwrap_or(&json);
        let mut details = Vec::new();
        collect(error, &mut details, 0);
        let (code, message) = own(error);
        Self { status, code, message, details, correlation, ..Self::default() }
    }

    /// Whether this code is its own or one of those within.
    pub fn has(&self, code: &str) -> bool {
        self.codes().any(|own| own.eq_ignore_ascii_case(code))
    }

    /// Its code and those within.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.code.as_str())
            .chain(self.details.iter().map(|(code, _)| code.as_str()))
    }

    /// All its words, in lower case, for telling apart what shares a code.
    pub(super) fn words(&self) -> String {
        let inner = self.details.iter().map(|(_, words)| words.as_str());
        std::iter::once(self.message.as_str())
            .chain(inner)
            .collect::<Vec<_>>()
            .join("\n")
            .to_lowercase()
    }

    fn retry(&self) -> Retry {
        let or = |wait: Duration| Retry::After(self.retry_after.unwrap_or(wait));
        if self.has("ContainerGroupTransitioning") {
            return or(TRANSITION);
        }
        // The same code says that a subscription is barred from making groups.
        if self.has("ServiceUnavailable") && self.words().contains("quota") {
            return Retry::Never;
        }
        if self.has("ContainerGroupQuotaReached") {
            return or(DRAIN);
        }
        let passes = ["ServiceUnavailable", "RegistryErrorResponse", "PrincipalNotFound"]
            .iter()
            .any(|code| self.has(code));
        if passes || matches!(self.status, 408 | 429 | 500..=599) {
            return self.retry_after.map_or(Retry::Backoff, Retry::After);
        }
        Retry::Never
    }
}

/// The member of that name, however its letters are cased.
fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let members = object.as_object()?;
    members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn own(error: &Value) -> (String, String) {
    let text = |name| field(error, name).and_then(Value::as_str).unwrap_or_default().trim();
    (text("code").to_owned(), text("message").to_owned())
}

fn collect(error: &Value, details: &mut Vec<(String, String)>, depth: usize) {
    let inner = field(error, "details").and_then(Value::as_array).into_iter().flatten();
    let inner = inner.chain(field(error, "innererror")).filter(|inner| inner.is_object());
    // A body nests as deep as its author likes.
    for inner in inner.filter(|_| depth < 8) {
        details.push(own(inner));
        collect(inner, details, depth + 1);
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Azure answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " `{}`", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.trim_end_matches('.'))?;
        }
        for (code, message) in &self.details {
            match (code.is_empty(), message.is_empty()) {
                (_, true) if !code.is_empty() && *code != self.code => write!(f, "; `{code}`")?,
                (true, false) => write!(f, "; {}", message.trim_end_matches('.'))?,
                (false, false) if *message != self.message => {
                    write!(f, "; `{code}`: {}", message.trim_end_matches('.'))?;
                }
                _ => {}
            }
        }
        if let Some(correlation) = &self.correlation {
            write!(f, " (correlation id {correlation})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl From<http::Error> for ArmError {
    fn from(error: http::Error) -> Self {
        Self::Http(Box::new(error))
    }
}

impl ArmError {
    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Token(_) | Self::Http(_) | Self::Unreadable { .. } | Self::Foreign { .. } => None,
        }
    }

    /// Whether the resource is not there.
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
                 Resource Manager is another one's"
                    .to_owned(),
            ),
            Self::Unreadable { .. } => None,
        }
    }
}
