//! What the client is told: how to sign in where, and how patient to be.

use super::login::{EntraTokens, Login, is_azure_registry};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to reach registries.
#[derive(Clone)]
pub struct Settings {
    /// What the plan says of single registries, by host as references spell it.
    pub hosts: BTreeMap<String, Access>,
    /// How to sign in to Azure registries that are not listed.
    pub azure: Option<Arc<dyn EntraTokens>>,
    /// How to sign in to any other host.
    pub otherwise: Login,
    /// How patient to be.
    pub timing: Timing,
    /// How large blobs are cut.
    pub parts: Parts,
    /// A folder for what is learned of registries, so that the next process
    /// knows it too. It saves questions and is never believed in place of an
    /// answer.
    pub memory: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            azure: None,
            otherwise: Login::Anonymous,
            timing: Timing::default(),
            parts: Parts::default(),
            memory: None,
        }
    }
}

/// How large blobs are cut: in parts, so that most of what has arrived is kept
/// when this process or the connection ends.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// From which size on, in bytes.
    pub from: u64,
    /// How large a part is, in bytes.
    pub size: u64,
}

impl Default for Parts {
    fn default() -> Self {
        // One more round trip for this many bytes is not to be measured.
        Self { from: 128 << 20, size: 64 << 20 }
    }
}

/// How to reach one registry.
#[derive(Clone, Debug)]
pub struct Access {
    /// How to sign in.
    pub login: Login,
    /// Whether plain HTTP is allowed. Loopback speaks it in any case.
    pub insecure: bool,
}

/// How patient to be.
#[derive(Clone, Debug)]
pub struct Timing {
    /// How long a body may stand still.
    pub stall: Duration,
    /// How long a registry may take to store a body that it has.
    pub commit: Duration,
    /// The pauses before a request whose connection broke is sent again.
    pub pauses: Vec<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            stall: Duration::from_mins(1),
            commit: Duration::from_mins(5),
            pauses: vec![Duration::from_millis(100), Duration::from_millis(400)],
        }
    }
}

impl Settings {
    /// How to reach a host: as listed, else by Entra where it is an Azure
    /// registry, else as all others.
    pub(super) fn access(&self, host: &str) -> Access {
        if let Some(access) = self.hosts.get(host) {
            return access.clone();
        }
        let login = match &self.azure {
            Some(tokens) if is_azure_registry(host) => Login::Entra(tokens.clone()),
            Some(_) | None => self.otherwise.clone(),
        };
        Access { login, insecure: false }
    }
}
