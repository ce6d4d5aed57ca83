//! One row of the table of failures.

use std::fmt;
use std::time::Duration;

/// What answers with a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    ResourceManager,
    Entra,
    KeyVault,
    /// A container: its exit code, or a text of its events or log.
    Container,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Soon, by the schedule of the step.
    Retry,
    /// After this many seconds, unless the service says when.
    Wait(u64),
    Fatal,
}

/// A row of the table: what is known of one failure. Of Entra's, the status and the class
/// stand in the documentation alone: the client decides by the status of the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure {
    pub service: Service,
    pub code: &'static str,
    /// The HTTP status that comes with it; 0 of a container.
    pub status: u16,
    pub class: Class,
    pub cause: &'static str,
    /// With names in braces for what the failure is about, such as `{vault}`.
    pub(super) remedy: &'static str,
}

impl Failure {
    /// The remedy, with a value for each name in braces.
    pub fn remedy(&self, values: &[(&str, &str)]) -> String {
        let mut remedy = self.remedy.to_owned();
        for (name, value) in values {
            remedy = remedy.replace(&format!("{{{name}}}"), value);
        }
        remedy
    }
}

impl Class {
    /// How long to wait, where that is not left to the schedule.
    pub fn wait(self) -> Option<Duration> {
        match self {
            Self::Wait(seconds) => Some(Duration::from_secs(seconds)),
            Self::Retry | Self::Fatal => None,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry => f.write_str("retried"),
            Self::Wait(seconds) => write!(f, "retried after {seconds} s"),
            Self::Fatal => f.write_str("fatal"),
        }
    }
}
