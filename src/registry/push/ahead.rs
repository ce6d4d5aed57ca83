//! Blobs that go up before it is known what will refer to them: layers, while
//! others are still being packed.
//!
//! Nothing depends on it. What has arrived the push finds there; what has not,
//! for whatever reason, it sends.

use super::repository::{Cargo, Repository};
use super::upload::Upload;
use super::{Blob, Moved, Push, Pushed, places};
use crate::registry::client::Client;
use crate::registry::error::PushError;
use crate::registry::progress::{Progress, Tally};
use crate::registry::{Digest, Reference};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Blobs on their way. Cheap to clone; they stop where they are when the last
/// clone is dropped.
#[derive(Clone)]
pub struct Ahead {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    /// Host and repository: one of each host, from which others take it over.
    to: Vec<(String, String)>,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Each gives the bytes that it sent.
    sending: JoinSet<u64>,
    begun: BTreeMap<Digest, Arc<AtomicU64>>,
}

impl Ahead {
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a blob on its way, from whatever thread.
    pub fn send(&self, blob: Blob) {
        let Inner { client, to, runtime, .. } = &*self.inner;
        let mut state = self.state();
        let digest = blob.descriptor.digest.clone();
        if state.begun.contains_key(&digest) {
            return;
        }
        let tally = Tally::new([&blob.descriptor], to.len() as u64);
        state.begun.insert(digest.clone(), tally.of(&digest));
        let (client, to) = (client.clone(), to.clone());
        let sending = async move {
            let cargo = Cargo { blobs: vec![blob], tally };
            let each = to.iter().map(|(host, name)| client.bring(host, name, &cargo));
            let brought = futures::future::join_all(each).await;
            brought.into_iter().map(|moved| sent(moved, &digest)).sum()
        };
        state.sending.spawn_on(sending, runtime);
    }

    /// Waits for what is on its way and returns how many bytes went up.
    async fn arrive(self, push: &Push, progress: &(dyn Fn(Progress) + Send + Sync)) -> u64 {
        let State { mut sending, begun } = std::mem::take(&mut *self.state());
        let descriptors = push.blobs.iter().map(|blob| &blob.descriptor);
        let tally = Tally::new(descriptors, places(&push.targets)).counting_on(&begun);
        let arrived = async {
            let mut bytes = 0;
            while let Some(sent) = sending.join_next().await {
                bytes += sent.unwrap_or_default();
            }
            bytes
        };
        tally.while_doing(arrived, progress).await
    }
}

/// What did not get there is sent by the push, which says what is wrong.
fn sent(moved: Result<Moved, PushError>, digest: &Digest) -> u64 {
    moved.map_or_else(
        |error| {
            tracing::debug!(%error, %digest, "a blob did not go up ahead of its manifest");
            0
        },
        |moved| moved.sent,
    )
}

impl Client {
    /// Makes ready to send blobs to where these names are. Within a runtime.
    pub fn ahead(&self, targets: &[Reference]) -> Ahead {
        let to: BTreeMap<&String, &String> =
            targets.iter().rev().map(|target| (&target.host, &target.repository)).collect();
        let to = to.into_iter().map(|(host, name)| (host.clone(), name.clone())).collect();
        let (runtime, state) = (Handle::current(), Mutex::default());
        Ahead { inner: Arc::new(Inner { client: self.clone(), to, runtime, state }) }
    }

    /// Pushes when what went ahead has arrived, which counts as sent.
    pub async fn push_after(
        &self,
        ahead: Ahead,
        push: Push,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        let sent = ahead.arrive(&push, progress).await;
        let pushed = self.push(push, progress).await?;
        Ok(Pushed {
            bytes_sent: pushed.bytes_sent + sent,
            bytes_reused: pushed.bytes_reused.saturating_sub(sent),
            ..pushed
        })
    }

    /// Brings the one blob of a cargo into a repository.
    async fn bring(&self, host: &str, name: &str, cargo: &Cargo) -> Result<Moved, PushError> {
        let failed = |source| PushError::Discover { name: format!("{host}/{name}"), source };
        let connected = self.host(host).map_err(failed)?;
        let known = self.memory().of(host);
        let (host, parts) = (&*connected, self.parts());
        let repository = Repository { host, name, cargo, known: &known, parts };
        let mut moved = Moved::default();
        for blob in &cargo.blobs {
            let digest = &blob.descriptor.digest;
            if !known.has_blob(name, digest) && !repository.has_blob(blob).await.map_err(failed)?.1
            {
                let from = blob.mountable(host);
                moved = Upload { repository: &repository, blob, from }.run().await?;
            }
            known.saw_blob(name, digest);
        }
        Ok(moved)
    }
}
