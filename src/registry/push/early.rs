//! Uploads of blobs before it is known which manifest will refer to them: layers, while
//! others are still being packed.
//!
//! Nothing depends on them. The push waits for what is in flight before it puts the
//! manifest, and uploads what did not arrive.

use super::content::{Blob, PushBlobs, Transferred};
use super::in_flight::{EarlyOutcome, InFlight};
use super::repository::TargetRepository;
use crate::oci::{Digest, Reference};
use crate::progress::Counter;
use crate::registry::client::Client;
use crate::registry::error::PushError;
use std::collections::BTreeMap;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::SetOnce;
use tokio::task::JoinSet;

/// Early uploads. Cheap to clone; they are cancelled when the last clone is dropped.
#[derive(Clone)]
pub struct EarlyUploads {
    shared: Arc<SharedUploads>,
}

struct SharedUploads {
    client: Client,
    /// One repository of each host. Other repositories of it mount the blobs later.
    to: BTreeMap<String, String>,
    runtime: Handle,
    /// Set when uploads may begin.
    cleared: Arc<SetOnce<()>>,
    state: Mutex<Begun>,
}

#[derive(Default)]
struct Begun {
    sending: JoinSet<EarlyOutcome>,
    counters: BTreeMap<Digest, Counter>,
}

impl EarlyUploads {
    fn state(&self) -> MutexGuard<'_, Begun> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the upload of a blob. May be called from any thread.
    pub fn send(&self, blob: &Blob) {
        let SharedUploads { client, to, runtime, cleared, .. } = &*self.shared;
        let mut state = self.state();
        let digest = blob.descriptor.digest.clone();
        if state.counters.contains_key(&digest) {
            return;
        }
        let blobs = PushBlobs::new(slice::from_ref(blob), to.len() as u64, &BTreeMap::new());
        state.counters.insert(digest.clone(), blobs.counter(blob));
        let (client, to, cleared) = (client.clone(), to.clone(), Arc::clone(cleared));
        let sending = async move {
            cleared.wait().await;
            let (client, blobs) = (&client, &blobs);
            let uploads = to.iter().map(|(host, repository)| async move {
                (host.clone(), client.upload_early(host, repository, blobs).await)
            });
            let mut outcome =
                EarlyOutcome { digest, transferred: Transferred::default(), hosts: Vec::new() };
            for (host, uploaded) in futures::future::join_all(uploads).await {
                match uploaded {
                    Ok(transferred) => {
                        outcome.transferred.add(transferred);
                        outcome.hosts.push(host);
                    }
                    // The push tries again, and reports the error if it stays.
                    Err(error) => tracing::debug!(%error, "cannot upload a blob early"),
                }
            }
            outcome
        };
        state.sending.spawn_on(sending, runtime);
    }

    /// Hands what was begun over to a push.
    pub fn into_in_flight(self) -> InFlight {
        let Begun { sending, counters } = std::mem::take(&mut *self.state());
        InFlight::new(self.shared.to.clone(), counters, sending)
    }
}

impl Client {
    /// Prepares early uploads to the repositories of these names. They begin once
    /// `cleared` is set.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn early_uploads(&self, targets: &[Reference], cleared: Arc<SetOnce<()>>) -> EarlyUploads {
        let to = targets.iter().rev();
        let to = to.map(|target| (target.host.clone(), target.repository.clone())).collect();
        let (runtime, state) = (Handle::current(), Mutex::default());
        let shared = SharedUploads { client: self.clone(), to, runtime, cleared, state };
        EarlyUploads { shared: Arc::new(shared) }
    }

    async fn upload_early(
        &self,
        host: &str,
        name: &str,
        blobs: &PushBlobs,
    ) -> Result<Transferred, PushError> {
        let failed = |source| PushError::Discover { name: format!("{host}/{name}"), source };
        let connected = self.host(host).map_err(failed)?;
        let known = self.memory().of(host);
        let repository = TargetRepository {
            host: &connected,
            name,
            blobs,
            known: &known,
            parts: self.parts(),
            in_flight: &InFlight::default(),
        };
        let mut transferred = Transferred::default();
        for blob in &blobs.blobs {
            transferred.add(repository.upload_if_missing(blob).await?);
        }
        Ok(transferred)
    }
}
