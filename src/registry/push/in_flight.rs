//! Blobs that are being uploaded already when a push begins.

use super::content::Transferred;
use crate::oci::Digest;
use crate::progress::Counter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// The outcome of the early upload of one blob.
pub struct EarlyOutcome {
    pub digest: Digest,
    pub transferred: Transferred,
    /// The hosts that have it now.
    pub hosts: Vec<String>,
}

/// Early uploads that a push finds under way.
#[derive(Default)]
pub struct InFlight {
    /// The repository of each host that they go to.
    to: BTreeMap<String, String>,
    begun: BTreeMap<Digest, Counter>,
    sending: Mutex<JoinSet<EarlyOutcome>>,
    landed: OnceCell<Landed>,
}

/// The outcome of all early uploads.
#[derive(Default)]
pub struct Landed {
    pub transferred: Transferred,
    /// Host and digest of each blob that arrived.
    at: BTreeSet<(String, Digest)>,
}

impl Landed {
    /// Whether a blob that was in flight to a host has arrived there.
    pub fn is_at(&self, host: &str, digest: &Digest) -> bool {
        self.at.contains(&(host.to_owned(), digest.clone()))
    }
}

impl InFlight {
    pub fn new(
        to: BTreeMap<String, String>,
        begun: BTreeMap<Digest, Counter>,
        sending: JoinSet<EarlyOutcome>,
    ) -> Self {
        Self { to, begun, sending: Mutex::new(sending), landed: OnceCell::new() }
    }

    /// The progress of the blobs in flight.
    pub fn begun(&self) -> &BTreeMap<Digest, Counter> {
        &self.begun
    }

    /// Whether a blob is in flight to a repository.
    pub fn includes(&self, host: &str, repository: &str, digest: &Digest) -> bool {
        self.to.get(host).is_some_and(|to| to == repository) && self.begun.contains_key(digest)
    }

    fn take_sending(&self) -> JoinSet<EarlyOutcome> {
        std::mem::take(&mut *self.sending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for all of them, however many ask.
    pub async fn landed(&self) -> &Landed {
        let all = async {
            let mut sending = self.take_sending();
            let mut landed = Landed::default();
            while let Some(outcome) = sending.join_next().await {
                let Ok(EarlyOutcome { digest, transferred, hosts }) = outcome else { continue };
                landed.transferred.add(transferred);
                landed.at.extend(hosts.into_iter().map(|host| (host, digest.clone())));
            }
            landed
        };
        self.landed.get_or_init(|| all).await
    }
}
