//! How to reach a running local cloud: written by it, read by everything else.

use super::files::{FileError, read_json, write_json};
use super::hidden::Hidden;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What `shipway local` writes when it is ready. Only its owner may read it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CloudFile {
    /// The layout of this file: 1.
    pub version: u32,
    /// The process.
    pub pid: u32,
    /// The proxy with its password, such as `http://shipway:…@127.0.0.1:40123`.
    pub proxy: Hidden,
    /// The certificate of its authority, PEM.
    pub ca: String,
    /// The same in a file of its own.
    pub ca_file: PathBuf,
    /// The tenant of the local Entra.
    pub tenant_id: String,
    /// The application that may sign in.
    pub client_id: String,
    /// Its password.
    pub client_secret: Hidden,
    /// The subscription.
    pub subscription_id: String,
    /// The repository, where the world has one.
    pub github: Option<GitHubAccess>,
    /// The registries in plain HTTP without the proxy, such as
    /// `127.0.0.1:40124`. Anybody may pull from there.
    pub direct_registry: String,
    /// What containers run in: `docker`, `podman`, `namespaces`, or `processes`
    /// with the reason why there are no namespaces.
    pub runtime: String,
    /// What other programs need in their environment to live in this cloud.
    /// A variable that is empty here must be empty there.
    pub environment: BTreeMap<String, Hidden>,
    /// One line of JSON for each request that was answered.
    pub request_log: PathBuf,
    /// The state folder.
    pub state: PathBuf,
}

/// How to reach GitHub's stand-in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GitHubAccess {
    /// `owner/name`.
    pub repository: String,
    /// The token that it accepts.
    pub token: Hidden,
    /// `https://api.github.com`.
    pub api_url: String,
}

impl CloudFile {
    /// The layout of the file that this code writes and reads.
    pub const VERSION: u32 = 1;

    /// Reads the file that a running cloud wrote.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        read_json(path)?.ok_or_else(|| FileError::Io {
            verb: "read",
            path: path.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    /// Writes it, as a whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        write_json(path, self)
    }

    /// The variables of [`Self::environment`] in order.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
