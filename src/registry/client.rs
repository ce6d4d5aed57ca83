//! The client: its registries, and what all its features share.
//!
//! The features lie above it, each an `impl Client` in its own module; nothing here
//! calls them.

use super::error::Failure;
use super::login::{HostLogin, TokenSource};
use super::memory::RegistryMemory;
use super::referrers_lock::ReferrersLocks;
use super::settings::{Settings, UploadParts};
use super::wire::{Address, Host, QuickRetry};
use crate::http;
use crate::secret::Redactor;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A client of any number of registries.
///
/// Cheap to clone: clones share tokens and everything that is known of registries.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    http: http::Client,
    redactor: Redactor,
    settings: Settings,
    hosts: Mutex<BTreeMap<String, Arc<Host>>>,
    memory: RegistryMemory,
    referrers_locks: ReferrersLocks,
}

impl Client {
    /// Creates a client. Sends no request.
    pub fn new(http: http::Client, redactor: Redactor, settings: Settings) -> Self {
        let (hosts, memory) = (Mutex::default(), RegistryMemory::new(settings.memory.clone()));
        let referrers_locks = ReferrersLocks::default();
        let shared = Shared { http, redactor, settings, hosts, memory, referrers_locks };
        Self { shared: Arc::new(shared) }
    }

    /// The registry of this name, which is created at its first use.
    pub(in crate::registry) fn host(&self, name: &str) -> Result<Arc<Host>, Failure> {
        let Shared { http, redactor, settings, hosts, .. } = &*self.shared;
        let mut hosts = hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return Ok(host.clone());
        }
        let access = settings.access(name);
        let address =
            Address::new(name, access.insecure).ok_or_else(|| Failure::Host(name.to_owned()))?;
        let address = address.with_named_hosts(&settings.named_hosts);
        let (address, http) = match &access.trusting {
            Some(trusting) if !access.insecure => (address.with_tls(), trusting),
            Some(_) | None => (address, http),
        };
        let quick_retry = QuickRetry::new(&settings.timing.pauses);
        let tokens = TokenSource::new(address, http.clone(), redactor.clone(), quick_retry);
        let login = HostLogin::new(access.login, tokens);
        let host = Arc::new(Host::new(login, http.clone(), settings.timing.clone()));
        hosts.insert(name.to_owned(), host.clone());
        Ok(host)
    }

    /// The client that trusts further certificates for a host, if there are any.
    pub fn trusting(&self, host: &str) -> Option<http::Client> {
        self.shared.settings.hosts.get(host)?.trusting.clone()
    }

    /// What earlier requests found out about registries, kept in memory and in a file.
    pub(in crate::registry) fn memory(&self) -> &RegistryMemory {
        &self.shared.memory
    }

    pub(in crate::registry) fn referrers_locks(&self) -> &ReferrersLocks {
        &self.shared.referrers_locks
    }

    /// How large blobs are split.
    pub(in crate::registry) fn parts(&self) -> UploadParts {
        self.shared.settings.parts
    }
}
