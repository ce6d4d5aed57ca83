//! How a deployed resource differs from what a plan asks for.
//!
//! The client of a resource computes it, a deploy acts upon it, and commands show
//! it: none of the three needs another for that.

use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The differences between a live resource and a desired one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    pub verdict: Verdict,
    /// Sorted by path.
    pub changes: Vec<Change>,
    /// Secure values that both have. No service returns them, so that they cannot be
    /// compared.
    pub secure: Vec<SecureValue>,
    /// How many properties are equal.
    pub unchanged: usize,
    pub outside: OutsideChanges,
}

/// About how long a resource is down while it is deleted and created again: the creation
/// of small container groups took 25 to 60 seconds in recordings.
pub const REPLACEMENT_SECS: u32 = 40;

/// What became of the request that deploys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Applied {
    /// The cloud has finished the operation.
    Accepted,
    /// Nothing was changed, because another change of the resource is in progress. It is
    /// worth another look after this time.
    Busy { wait: Duration },
}

/// What a deploy does to the resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It does not exist yet.
    Create,
    /// It is changed in place, and its containers restart.
    Update,
    /// It is deleted and created again.
    Replace,
    /// It would have to be replaced, and the plan forbids that.
    Refuse,
    /// It was deployed from a newer commit, which is not replaced unless that is allowed.
    Older,
    /// Nothing that can be compared differs, but it does not run.
    Start,
    /// Nothing that can be compared differs, but its secure values are sent again,
    /// and its containers restart.
    Resend,
    /// It is updated if the image that is built then is another one.
    Undecided,
    /// Nothing differs, and nothing is sent.
    Unchanged,
}

/// One property that differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Keys of the plan where there are such, such as `env.LOG` or
    /// `containers.proxy.cpu`.
    pub path: String,
    /// `None` if the live resource does not have it.
    pub before: Option<PropertyValue>,
    /// `None` if the desired resource does not have it.
    pub after: Option<PropertyValue>,
    /// Whether the service does not change it in place.
    pub forces_replacement: bool,
    /// Whether it is known to have been changed by someone else since the last deploy.
    pub outside: bool,
}

/// A secure value that is sent again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecureValue {
    pub path: String,
    /// The secret that it comes from, such as `secrets.database-url`.
    pub source: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PropertyValue {
    Plain(Value),
    /// A value that is never shown, and the secret that it comes from if that is known.
    Secure {
        source: Option<String>,
    },
    /// A value that only a run finds out.
    Unknown,
}

/// Whether someone else changed the resource since the last deploy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutsideChanges {
    /// There is no record of the last deploy.
    Unknown,
    None,
    /// All of them are marked in the changes.
    Located,
    /// There are some, but which ones is not known.
    Unlocated,
}

impl Difference {
    /// The difference from a resource that does not exist.
    pub fn creation(mut changes: Vec<Change>) -> Self {
        changes.sort_by(|one, other| one.path.cmp(&other.path));
        Self {
            verdict: Verdict::Create,
            changes,
            secure: Vec::new(),
            unchanged: 0,
            outside: OutsideChanges::None,
        }
    }

    /// Whether a deploy has to send anything.
    pub fn needs_request(&self) -> bool {
        self.verdict != Verdict::Unchanged
    }

    /// The changes that the service does not make in place, as text.
    pub fn replacement_reasons(&self) -> Vec<String> {
        let forcing = self.changes.iter().filter(|change| change.forces_replacement);
        let side = |value: &Option<PropertyValue>| {
            value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        forcing
            .map(|change| {
                let Change { path, before, after, .. } = change;
                format!("`{path}` from {} to {}", side(before), side(after))
            })
            .collect()
    }
}

impl Change {
    /// Whether a value of it is never shown.
    pub fn is_sensitive(&self) -> bool {
        [&self.before, &self.after]
            .into_iter()
            .flatten()
            .any(|value| matches!(value, PropertyValue::Secure { .. }))
    }
}

impl fmt::Display for PropertyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(Value::String(text)) => f.write_str(text),
            Self::Plain(Value::Array(list)) => {
                let words = list.iter().map(|entry| match entry {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                f.write_str(&words.collect::<Vec<_>>().join(", "))
            }
            Self::Plain(other) => write!(f, "{other}"),
            Self::Secure { .. } => f.write_str("a secret"),
            Self::Unknown => f.write_str("(known after build)"),
        }
    }
}
