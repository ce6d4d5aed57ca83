//! A credential of the local cloud: written to files for its clients to read,
//! never shown.
//!
//! It is not a [`crate::secret::Secret`], because the world, the cloud file and
//! the state folder exist to carry such values from one process to another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text that `Debug` does not show and that has no `Display`.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// Hides some text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
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
    fn it_is_written_but_not_shown() {
        let hidden = Hidden::new("s3cret");

        assert_eq!(format!("{hidden:?}"), "Hidden");
        assert_eq!(serde_json::to_string(&hidden).expect("text"), "\"s3cret\"");
    }
}
