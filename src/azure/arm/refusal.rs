//! An error response: its code, messages and inner errors.

use crate::azure::failures::{Class, Service, find};
use crate::http::{RequestId, Retry, shortened};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// An error response of Resource Manager, or of a service that answers alike.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refusal {
    pub method: String,
    /// The host that refused the request; empty where it is not known.
    pub host: String,
    /// The path of the request.
    pub path: String,
    pub status: u16,
    /// Such as `InaccessibleImage`; empty where the response has none.
    pub code: String,
    pub message: String,
    /// Code and message of each inner error, outermost first.
    pub details: Vec<(String, String)>,
    pub retry_after: Option<Duration>,
    pub request_id: Option<RequestId>,
}

impl Refusal {
    /// Parses the body of an error response: `{"error": {…}}` with keys of any case,
    /// the inner object alone as vaults and older services send it, or plain text.
    pub fn read(status: u16, body: &[u8], request_id: Option<RequestId>) -> Self {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            let message = shortened(text.trim(), 500);
            return Self { status, message, request_id, ..Self::default() };
        };
        let error = field(&json, "error").filter(|error| error.is_object()).unwrap_or(&json);
        let mut details = Vec::new();
        collect(error, &mut details, 0);
        let (code, message) = own(error);
        Self { status, code, message, details, request_id, ..Self::default() }
    }

    /// Whether the error or one of its inner errors has this code.
    pub fn has(&self, code: &str) -> bool {
        self.codes().any(|own| own.eq_ignore_ascii_case(code))
    }

    /// The code and those of the inner errors.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.code.as_str())
            .chain(self.details.iter().map(|(code, _)| code.as_str()))
    }

    /// All messages in lower case, for telling apart errors that share a code.
    pub fn messages(&self) -> String {
        let inner = self.details.iter().map(|(_, message)| message.as_str());
        std::iter::once(self.message.as_str())
            .chain(inner)
            .collect::<Vec<_>>()
            .join("\n")
            .to_lowercase()
    }

    pub fn retry(&self) -> Retry {
        // The same code means that a subscription may not create groups at all.
        if self.has("ServiceUnavailable") && self.messages().contains("quota") {
            return Retry::Never;
        }
        let known = self.codes().filter_map(|code| find(Service::ResourceManager, code));
        let class = known.map(|row| row.class).find(|class| *class != Class::Fatal);
        if let Some(wait) = class.and_then(Class::wait) {
            return Retry::After(self.retry_after.unwrap_or(wait));
        }
        if class.is_some() || matches!(self.status, 408 | 429 | 500..=599) {
            return self.retry_after.map_or(Retry::Backoff, Retry::After);
        }
        Retry::Never
    }
}

/// The member with that name in any case.
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
    // The depth of the body is not ours to decide, so it is limited.
    for inner in inner.filter(|_| depth < 8) {
        details.push(own(inner));
        collect(inner, details, depth + 1);
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.is_empty() { "Azure" } else { &self.host };
        // The state of an operation that failed is answered like any other state.
        if (200..300).contains(&self.status) {
            write!(f, "the operation failed at {host}")?;
            if !self.code.is_empty() {
                write!(f, " with `{}`", self.code)?;
            }
        } else {
            write!(f, "{host} answered {}", self.status)?;
            if !self.code.is_empty() {
                write!(f, " `{}`", self.code)?;
            }
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
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
