//! Layer caches that outlive this machine.

use crate::secret::{Redactor, Secret};
use std::collections::BTreeMap;
use std::fmt;

/// Where the layers of a build are cached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cache {
    /// An image or a repository, depending on the engine.
    Image(String),
    /// GitHub's cache, with suitable options.
    GitHub,
    /// A buildx cache specification, `type=…`, passed on unchanged.
    Exporter(String),
}

/// The environment that buildx needs for GitHub's cache. It is passed to no other program.
#[derive(Clone, Debug)]
pub struct GitHubCache {
    pub token: Secret,
    /// Addresses of the cache, by the variable names that buildx reads.
    pub places: BTreeMap<String, String>,
}

pub const GITHUB_TOKEN_VARIABLE: &str = "ACTIONS_RUNTIME_TOKEN";
const GITHUB_CACHE_VARIABLES: [&str; 3] =
    ["ACTIONS_CACHE_SERVICE_V2", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL"];

impl From<&str> for Cache {
    fn from(text: &str) -> Self {
        match text {
            "gha" => Self::GitHub,
            _ if text.starts_with("type=") => Self::Exporter(text.to_owned()),
            _ => Self::Image(text.to_owned()),
        }
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(text) | Self::Exporter(text) => f.write_str(text),
            Self::GitHub => f.write_str("gha"),
        }
    }
}

impl Cache {
    pub fn is(&self, kind: &str) -> bool {
        match self {
            Self::Image(_) => false,
            Self::GitHub => kind == "type=gha",
            Self::Exporter(text) => text.split(',').any(|word| word.trim() == kind),
        }
    }

    /// The value of `buildx --cache-from`.
    pub fn source(&self) -> String {
        match self {
            Self::Image(reference) => format!("type=registry,ref={reference}"),
            Self::GitHub => "type=gha".into(),
            Self::Exporter(text) => text.clone(),
        }
    }

    /// The value of `buildx --cache-to`. `mode=max` caches the layers of all stages.
    pub fn destination(&self) -> String {
        match self {
            Self::Image(_) | Self::GitHub => format!("{},mode=max", self.source()),
            Self::Exporter(text) => text.clone(),
        }
    }
}

impl GitHubCache {
    /// Reads the environment that a GitHub runner provides.
    pub fn found(environment: &BTreeMap<String, String>, redactor: &Redactor) -> Option<Self> {
        let value = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let token =
            redactor.adopt(&format!("env.{GITHUB_TOKEN_VARIABLE}"), value(GITHUB_TOKEN_VARIABLE)?);
        let places =
            GITHUB_CACHE_VARIABLES.iter().filter_map(|&name| Some((name.to_owned(), value(name)?)));
        Some(Self { token, places: places.collect() })
    }
}
