//! Credentials of the local cloud: serialized into files, never shown.
//!
//! [`crate::secret::Secret`] cannot be serialized. These values must be, because
//! the initial state, the cloud file and the state folder carry them from one
//! process to another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text that `Debug` does not show and that has no `Display`.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

#[cfg(test)]
mod tests {
    use super::Hidden;

    #[test]
    fn hidden_text_is_serialized_but_not_debug_printed() {
        let hidden = Hidden::new("s3cret");

        assert_eq!(format!("{hidden:?}"), "Hidden");
        assert_eq!(serde_json::to_string(&hidden).expect("text"), "\"s3cret\"");
    }
}
