//! The file that tells other processes how to reach a running local cloud.

use super::files::{FileError, read_json, write_json};
use super::hidden::Hidden;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The state folder of the cloud without a plan, beside those that are named after runs.
pub const DEFAULT_CLOUD: &str = "default";

/// What `shipway local` writes when it is ready. The file is private, because it
/// holds passwords.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CloudFile {
    /// The version of this format, [`Self::VERSION`].
    pub version: u32,
    pub pid: u32,
    /// The proxy with its password, such as `http://shipway:…@127.0.0.1:40123`.
    pub proxy: Hidden,
    /// The certificate of the cloud's authority, PEM.
    pub ca: String,
    /// A file with the content of [`Self::ca`].
    pub ca_file: PathBuf,
    pub tenant_id: String,
    /// The only application that may sign in.
    pub client_id: String,
    pub client_secret: Hidden,
    pub subscription_id: String,
    pub github: Option<GitHubAccess>,
    /// `None` where the cloud has no Fulcio and no Rekor.
    #[serde(default)]
    pub signing: Option<SigningAccess>,
    /// Address of the registries without the proxy, such as `127.0.0.1:40124`: plain
    /// HTTP, anonymous pulls allowed.
    pub direct_registry: String,
    /// The URL of the file that tells a browser how to reach the public names, such as
    /// `http://127.0.0.1:40125/proxy.pac`.
    #[serde(default)]
    pub browser: String,
    /// What containers run in: `docker`, `podman`, `namespaces`, or `processes`
    /// with the reason why there are no namespaces.
    pub runtime: String,
    /// The environment that makes other programs use this cloud. Empty variables
    /// must be set too: an empty `NO_PROXY` overrides an inherited one.
    pub environment: BTreeMap<String, Hidden>,
    /// A file with one line of JSON for each answered request.
    pub request_log: PathBuf,
    pub state: PathBuf,
    /// Whether it stays up until it is stopped, whatever becomes of the process that
    /// started it.
    #[serde(default)]
    pub stays_up: bool,
    /// When it was ready, RFC 3339.
    #[serde(default)]
    pub started: String,
}

/// How to reach the local GitHub API.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GitHubAccess {
    /// `owner/name`.
    pub repository: String,
    /// The token that the API accepts.
    pub token: Hidden,
    pub api_url: String,
}

/// How the job of the local cloud signs, and what its signatures are verified by.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SigningAccess {
    /// Where the job gets its tokens.
    pub token_url: String,
    /// What that is asked with.
    pub token_request: Hidden,
    /// The certificates of Fulcio, PEM.
    pub roots: String,
    /// The public key of Rekor, PEM.
    pub log_key: String,
}

impl CloudFile {
    pub const VERSION: u32 = 1;

    pub fn read(path: &Path) -> Result<Self, FileError> {
        read_json(path)?.ok_or_else(|| FileError::Io {
            verb: "read",
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::NotFound, "there is no such file"),
        })
    }

    /// Replaces the file atomically.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        write_json(path, self)
    }

    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
