//! A fault: the requests that meet it, and what becomes of them.

use http::StatusCode;
use std::time::Duration;

/// What requests have in common. An empty text stands for any. All but the method are in
/// lower case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Requests {
    pub method: String,
    pub host: String,
    pub path_begins: String,
    pub path_contains: String,
    pub path_ends: String,
    /// What host and path together contain.
    pub contains: String,
}

impl Requests {
    /// Whether a request is one of them; host and path in lower case.
    pub fn have(&self, method: &str, host: &str, path: &str) -> bool {
        (self.method.is_empty() || self.method.eq_ignore_ascii_case(method))
            && (self.host.is_empty() || self.host == host)
            && path.starts_with(&self.path_begins)
            && path.contains(&self.path_contains)
            && path.ends_with(&self.path_ends)
            && (self.contains.is_empty() || format!("{host}{path}").contains(&self.contains))
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It is answered after the delay.
    None,
    /// It gets this answer, and no service sees it.
    Answer(FaultAnswer),
    /// Its connection is closed without an answer, and no service sees it.
    Reset,
    /// Its connection is closed in the middle of its body, or in the middle of the answer
    /// where it has none.
    Cut,
    /// It is accepted, but the operation that it begins ends `Failed`.
    Failed { code: String },
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultAnswer {
    pub status: StatusCode,
    /// The error code in the body.
    pub code: String,
    pub message: String,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// As people write it.
    pub rule: String,
    pub requests: Requests,
    /// How long a request waits before anything else happens.
    pub delay: Duration,
    pub effect: Effect,
    /// How many such requests pass before the first that meets it.
    pub after: u32,
    /// How many requests meet it; `None` for every one.
    pub times: Option<u32>,
}
