//! The settings of the client: how to sign in where, and its time limits.

use super::azure::is_azure_registry;
use super::login::{EntraTokens, Login};
use super::wire::NamedHosts;
use crate::http;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to reach registries.
#[derive(Clone)]
pub struct Settings {
    /// The registries that the plan lists, by host as references spell it.
    pub hosts: BTreeMap<String, HostAccess>,
    /// How to sign in to Azure registries that are not listed.
    pub azure: Option<Arc<dyn EntraTokens>>,
    /// How to sign in to any other host.
    pub otherwise: Login,
    pub timing: RegistryTiming,
    pub parts: UploadParts,
    /// A folder that keeps what is known of registries for the next process. It saves
    /// requests and never replaces what a registry answers.
    pub memory: Option<PathBuf>,
    /// Hosts that the operator allows by name.
    pub named_hosts: NamedHosts,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            azure: None,
            otherwise: Login::Anonymous,
            timing: RegistryTiming::default(),
            parts: UploadParts::default(),
            memory: None,
            named_hosts: NamedHosts::default(),
        }
    }
}

/// How large blobs are split, so that most of what has arrived is kept when this
/// process or the connection ends.
#[derive(Clone, Copy, Debug)]
pub struct UploadParts {
    /// The smallest blob that is split, in bytes.
    pub from: u64,
    /// The size of a part, in bytes.
    pub size: u64,
}

impl Default for UploadParts {
    fn default() -> Self {
        // For this many bytes the time of one more round trip cannot be measured.
        Self { from: 128 << 20, size: 64 << 20 }
    }
}

/// How to reach one registry.
#[derive(Clone, Debug)]
pub struct HostAccess {
    pub login: Login,
    /// Whether plain HTTP is used. On loopback it is, unless there are certificates.
    pub insecure: bool,
    /// The client that trusts further certificates for this host, its token server and its
    /// storage. `None` for the one of all hosts.
    pub trusting: Option<http::Client>,
}

/// Time limits, and the pauses of repeated requests.
#[derive(Clone, Debug)]
pub struct RegistryTiming {
    /// How long the upload of a body may make no progress.
    pub stall: Duration,
    /// How long a registry may take to store a body that it has received.
    pub commit: Duration,
    /// The pauses before a request whose connection broke is repeated.
    pub pauses: Vec<Duration>,
}

impl Default for RegistryTiming {
    fn default() -> Self {
        Self {
            stall: Duration::from_mins(1),
            commit: Duration::from_mins(5),
            pauses: vec![Duration::from_millis(100), Duration::from_millis(400)],
        }
    }
}

impl Settings {
    /// How to reach a host: as listed, else with Entra if it is an Azure registry,
    /// else like all others.
    pub(super) fn access(&self, host: &str) -> HostAccess {
        if let Some(access) = self.hosts.get(host) {
            return access.clone();
        }
        let login = match &self.azure {
            Some(tokens) if is_azure_registry(host) => Login::Entra(tokens.clone()),
            Some(_) | None => self.otherwise.clone(),
        };
        HostAccess { login, insecure: false, trusting: None }
    }
}
