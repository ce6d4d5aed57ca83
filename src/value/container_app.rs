//! The choices of an app in Azure Container Apps (Microsoft.App, 2025-01-01).

use super::slug::slug;
use super::word::words;
use std::str::FromStr;

words! {
    /// How requests are passed on to an app.
    pub enum Transport {
        /// Whichever of the two the program speaks.
        Auto = "auto",
        /// HTTP/1.1.
        Http = "http",
        /// HTTP/2, as gRPC needs it.
        Http2 = "http2",
    }
}

impl Transport {
    /// As the API spells it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Http => "http",
            Self::Http2 => "http2",
        }
    }
}

words! {
    /// What the preview of a pull request is.
    pub enum PreviewForm {
        /// An app of its own.
        App = "app",
        /// A revision of the app, with a label and without its requests.
        Revision = "revision",
    }
}

/// The name of an app.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppName(String);

/// Text that is not the name of an app.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the name `{0}` must have 2 to 32 of a-z, 0-9 and `-`, begin with a letter, end with a letter or digit, and have no `--`"
)]
pub struct InvalidAppName(String);

impl FromStr for AppName {
    type Err = InvalidAppName;

    fn from_str(text: &str) -> Result<Self, InvalidAppName> {
        let bytes = text.as_bytes();
        let letter = |byte: &u8| byte.is_ascii_lowercase();
        let word = |byte: &u8| letter(byte) || byte.is_ascii_digit();
        let is_name = (2..=32).contains(&bytes.len())
            && bytes.first().is_some_and(letter)
            && bytes.last().is_some_and(word)
            && bytes.iter().all(|byte| word(byte) || *byte == b'-')
            && !text.contains("--");
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidAppName(text.to_owned())) }
    }
}

/// The most that Azure allows of the name of an app.
const MAX_NAME_CHARS: usize = 32;

/// The name of an app for which a plan gives none. `service` is `None` where it is the only
/// one.
pub fn default_app_name(plan: &str, service: Option<&str>) -> String {
    let plan = slug(plan);
    match service {
        Some(service) => short_app_name(&format!("{plan}-{}", slug(service)), ""),
        None => short_app_name(&plan, ""),
    }
}

/// The name of an app that ends with `suffix`, within what Azure allows.
pub fn short_app_name(name: &str, suffix: &str) -> String {
    let kept = name.len().min(MAX_NAME_CHARS - suffix.len());
    let kept = name.floor_char_boundary(kept);
    format!("{}{suffix}", name[..kept].trim_end_matches('-'))
}

/// The port on which a program takes requests: TCP, 1 to 65535.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IngressPort(pub u16);

#[cfg(test)]
mod tests {
    use super::{AppName, default_app_name, short_app_name};

    #[test]
    fn names_fit_with_their_suffix() {
        assert_eq!(short_app_name("shop", "-next"), "shop-next");
        let long = "a".repeat(26) + "-bcdefgh";
        assert_eq!(short_app_name(&long, "-next"), "a".repeat(26) + "-next");
        assert_eq!(short_app_name(&"a".repeat(40), "").len(), 32);
        assert_eq!(default_app_name("Shop", None), "shop");
        assert_eq!(default_app_name("Shop", Some("api")), "shop-api");
    }

    #[test]
    fn app_names_follow_the_rule_of_the_service() {
        for name in ["ab", "web-1", "a1", &"a".repeat(32)] {
            assert!(name.parse::<AppName>().is_ok(), "{name}");
        }
        for text in ["", "a", "1a", "a-", "a--b", "Web", "a_b", &"a".repeat(33)] {
            assert!(text.parse::<AppName>().is_err(), "{text}");
        }
    }
}
