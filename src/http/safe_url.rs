//! A URL that can be shown: its password and its query never are.

use std::fmt;
use url::Url;

/// A URL whose `Display` and `Debug` leave out credentials, query and fragment.
///
/// Queries carry signatures (SAS tokens, upload states), so none is shown.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SafeUrl(Url);

impl SafeUrl {
    /// Hides what `url` must not show.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole URL, for the request alone.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl From<Url> for SafeUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.0.scheme())?;
        if self.0.password().is_some() || !self.0.username().is_empty() {
            f.write_str("***@")?;
        }
        f.write_str(self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafeUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::SafeUrl;
    use url::Url;

    #[test]
    fn neither_password_nor_query_is_shown() {
        let url = Url::parse("https://me:hunter2@example.com:8443/a/b?sig=abc#x").expect("a URL");
        let safe = SafeUrl::new(url);

        assert_eq!(safe.to_string(), "https://***@example.com:8443/a/b");
        assert_eq!(format!("{safe:?}"), "SafeUrl(https://***@example.com:8443/a/b)");
    }
}
