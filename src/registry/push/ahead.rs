//! Blobs that go up before it is known what will refer to them: layers, while
//! others are still being packed.
//!
//! Nothing depends on it. The push waits for what is on its way before it puts
//! the manifest, and sends what did not get there, for whatever reason.

use super::repository::{Cargo, Repository, tally};
use super::{Blob, Moved};
use crate::oci::{Digest, Reference};
use crate::progress::Counter;
use crate::registry::client::Client;
use crate::registry::error::PushError;
use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, SetOnce};
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
    to: BTreeMap<String, String>,
    runtime: Handle,
    /// Set when they may go.
    cleared: Arc<SetOnce<()>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sending: JoinSet<Sent>,
    begun: BTreeMap<Digest, Counter>,
}

/// What came of one blob.
struct Sent {
    digest: Digest,
    moved: Moved,
    /// The hosts that have it.
    at: Vec<String>,
}

/// What is on its way when a push begins.
#[derive(Default)]
pub(super) struct Arriving {
    to: BTreeMap<String, String>,
    begun: BTreeMap<Digest, Counter>,
    sending: Mutex<JoinSet<Sent>>,
    arrived: OnceCell<Arrived>,
}

/// What came of all of it.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) moved: Moved,
    /// Hosts, and what got there.
    at: BTreeSet<(String, Digest)>,
}

impl Arrived {
    /// Whether a blob that was on its way to a host is there.
    pub(super) fn is_at(&self, host: &str, digest: &Digest) -> bool {
        self.at.contains(&(host.to_owned(), digest.clone()))
    }
}

impl Ahead {
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a blob on its way, from whatever thread.
    pub fn send(&self, blob: Blob) {
        let Inner { client, to, runtime, cleared, .. } = &*self.inner;
        let mut state = self.state();
        let digest = blob.descriptor.digest.clone();
        if state.begun.contains_key(&digest) {
            return;
        }
        let tally = tally(slice::from_ref(&blob), to.len() as u64, &BTreeMap::new());
        state.begun.insert(digest.clone(), tally.of(digest.as_str()));
        let (client, to, cleared) = (client.clone(), to.clone(), Arc::clone(cleared));
        let sending = async move {
            cleared.wait().await;
            let cargo = Cargo { blobs: vec![blob], tally };
            let (client, cargo) = (&client, &cargo);
            let each = to.iter().map(|(host, name)| async move {
                (host.clone(), client.bring(host, name, cargo).await)
            });
            let mut sent = Sent { digest, moved: Moved::default(), at: Vec::new() };
            for (host, brought) in futures::future::join_all(each).await {
                match brought {
                    Ok(moved) => {
                        sent.moved.add(moved);
                        sent.at.push(host);
                    }
                    // The push tries again, and says what is wrong.
                    Err(error) => {
                        tracing::debug!(%error, "a blob did not go up ahead of its manifest");
                    }
                }
            }
            sent
        };
        state.sending.spawn_on(sending, runtime);
    }

    /// What a push finds on its way.
    pub(super) fn arriving(self) -> Arriving {
        let State { sending, begun } = std::mem::take(&mut *self.state());
        let (to, sending) = (self.inner.to.clone(), Mutex::new(sending));
        Arriving { to, begun, sending, arrived: OnceCell::new() }
    }
}

impl Arriving {
    /// Counters of what is on its way.
    pub(super) fn begun(&self) -> &BTreeMap<Digest, Counter> {
        &self.begun
    }

    /// Whether a blob is on its way to a repository.
    pub(super) fn expects(&self, host: &str, name: &str, digest: &Digest) -> bool {
        self.to.get(host).is_some_and(|to| to == name) && self.begun.contains_key(digest)
    }

    fn sending(&self) -> JoinSet<Sent> {
        std::mem::take(&mut *self.sending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for it.
    pub(super) async fn arrived(&self) -> &Arrived {
        let all = async {
            let mut sending = self.sending();
            let mut arrived = Arrived::default();
            while let Some(sent) = sending.join_next().await {
                let Ok(Sent { digest, moved, at }) = sent else { continue };
                arrived.moved.add(moved);
                arrived.at.extend(at.into_iter().map(|host| (host, digest.clone())));
            }
            arrived
        };
        self.arrived.get_or_init(|| all).await
    }
}

impl Client {
    /// Makes ready to send blobs to where these names are, once they may go.
    /// Within a runtime.
    pub fn ahead(&self, targets: &[Reference], cleared: Arc<SetOnce<()>>) -> Ahead {
        let to = targets.iter().rev();
        let to = to.map(|target| (target.host.clone(), target.repository.clone())).collect();
        let (runtime, state) = (Handle::current(), Mutex::default());
        Ahead { inner: Arc::new(Inner { client: self.clone(), to, runtime, cleared, state }) }
    }

    /// Brings the blobs of a cargo into a repository.
    async fn bring(&self, host: &str, name: &str, cargo: &Cargo) -> Result<Moved, PushError> {
        let failed = |source| PushError::Discover { name: format!("{host}/{name}"), source };
        let connected = self.host(host).map_err(failed)?;
        let known = self.memory().of(host);
        let (host, parts, arriving) = (&*connected, self.parts(), &Arriving::default());
        let repository = Repository { host, name, cargo, known: &known, parts, arriving };
        let mut moved = Moved::default();
        for blob in &cargo.blobs {
            moved.add(repository.bring(blob).await?);
        }
        Ok(moved)
    }
}
