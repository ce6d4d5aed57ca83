//! What a child process or a server echoes back: every sink writes through here.

use super::value::Secret;
use std::sync::{Arc, PoisonError, RwLock};

/// The fewest characters a secret of the plan may have. Masking a shorter one
/// would wreck every log.
const LEAST: usize = 4;

/// Knows every secret of this process. A cheap handle on one shared list.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Vec<Secret>>>,
}

/// A secret that is too short to be masked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the value of `{secret}` has fewer than 4 characters")]
pub struct TooShort {
    /// Its source.
    pub secret: String,
}

impl Redactor {
    /// Takes in a secret of the plan.
    pub fn register(&self, source: &str, value: String) -> Result<Secret, TooShort> {
        if value.chars().count() < LEAST {
            return Err(TooShort { secret: source.to_owned() });
        }
        Ok(self.adopt(source, value))
    }

    /// Takes in a value that a server issued or that was derived from secrets,
    /// such as a token. One that is too short to be masked is held all the same.
    pub fn adopt(&self, source: &str, value: String) -> Secret {
        let secret = Secret::new(source, value);
        if secret.expose().chars().count() >= LEAST {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.push(secret.clone());
        }
        secret
    }

    /// The text with every known secret in it replaced by `***`.
    pub fn redact(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut redacted = text.to_owned();
        for secret in known.iter() {
            redacted = redacted.replace(secret.expose(), "***");
        }
        redacted
    }
}
