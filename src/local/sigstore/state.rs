//! The keys, certificates and entries of one cloud.

use super::authority::{SigningAuthority, SigningAuthorityError};
use super::job;
use super::log::Log;
use super::place::Place;
use crate::local::entra::Tokens;
use crate::local::initial_state::SigstoreHosts;
use std::path::Path;
use std::sync::Arc;

/// What signs without a lasting key.
pub struct Sigstore {
    pub(super) hosts: SigstoreHosts,
    pub(super) authority: SigningAuthority,
    pub(super) log: Log,
    pub(super) tokens: Arc<Tokens>,
}

impl Sigstore {
    /// Opens what is in the state folder, or makes it.
    pub fn open(
        state: &Path,
        hosts: SigstoreHosts,
        tokens: Arc<Tokens>,
    ) -> Result<Self, SigningAuthorityError> {
        let authority = SigningAuthority::open(&state.join("sigstore.json"))?;
        let log = Log::open(&state.join("log.json"))?;
        Ok(Self { hosts, authority, log, tokens })
    }

    /// Whether requests to a host are answered here.
    pub fn answers_for(&self, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let name = if port == 443 { host } else { format!("{host}:{port}") };
        let SigstoreHosts { fulcio, rekor, .. } = &self.hosts;
        fulcio.iter().chain(rekor).any(|place| Place::of(place).host == name) || name == job::HOST
    }

    /// The certificates of Fulcio, PEM.
    pub fn roots(&self) -> String {
        self.authority.chain()
    }

    /// The public key of Rekor, PEM.
    pub fn log_key(&self) -> String {
        self.authority.log_key()
    }

    /// What the endpoint for tokens is asked with.
    pub fn token_request(&self) -> String {
        job::token_request(&self.tokens)
    }
}
