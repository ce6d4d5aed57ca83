//! A [`Secret`] cannot be printed or serialised: there is no `Display` or
//! `Serialize` to call. The value is reached through [`Secret::expose`], so
//! `git grep 'expose('` lists every place where one leaves this module.

use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A value that must not be shown.
#[derive(Clone)]
pub struct Secret {
    source: String,
    value: Arc<Zeroizing<String>>,
}

impl Secret {
    /// Only the redactor creates secrets, so that all are registered.
    pub(super) fn new(source: &str, value: String) -> Self {
        Self { source: source.to_owned(), value: Arc::new(Zeroizing::new(value)) }
    }

    /// The source, as the plan names it, such as `secrets.acr-password`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value. Every call is a place where it leaves this module.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.source)
    }
}
