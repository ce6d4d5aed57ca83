//! A registry with scripted faults. It keeps blobs and manifests in memory and can
//! ask for a login.
//!
//! Its log of requests is the assertion of most tests: see [`FakeRegistry::log`].

mod state;
mod store;
mod wire;

use crate::oci::Digest;
use state::{State, locked};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// How one request fails.
#[derive(Clone)]
pub enum Fault {
    /// Answers with this status, these headers and this body.
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// Answers as usual, but with this status.
    Status(u16),
    /// Answers as usual with this header replaced; an empty value removes it.
    Header(&'static str, String),
    /// Closes the connection after so many bytes of the request's body.
    ResetAfter(usize),
    /// Like `ResetAfter`, but an upload keeps those bytes.
    BreakAfter(usize),
    /// Stops reading after so many bytes of the request's body.
    Hang(usize),
    /// Closes the connection after so many bytes of the response's body.
    CutAfter(usize),
    /// Stops after so many bytes of the response's body until it is notified.
    Hold(usize, Arc<Notify>),
}

/// The login that the registry asks for.
#[derive(Clone, Default)]
pub enum Asks {
    #[default]
    Nothing,
    /// HTTP Basic with this `user:password` in base64.
    Basic(&'static str),
    /// A token from the registry's `/token`, given for this `user:password`.
    Token(&'static str),
}

/// A running registry. Dropping it stops it.
pub struct FakeRegistry {
    address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeRegistry {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State::default());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let state = shared.clone();
                state.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move { state.serve(stream).await });
            }
        });
        Self { address, state, task }
    }

    /// Host and port, `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Makes the next request that begins like this (`PUT /v2/web/blobs/`) fail.
    pub fn fault(&self, request: &str, fault: Fault) {
        locked(&self.state.faults).push((request.to_owned(), fault));
    }

    pub fn asks(&self, asks: Asks) {
        *locked(&self.state.asks) = asks;
    }

    /// Answers requests whose body has more bytes with a status.
    pub fn limit(&self, method: &'static str, bytes: usize, status: u16) {
        locked(&self.state.limits).push((method, bytes, status));
    }

    /// Accepts a blob with the request that opens its upload.
    pub fn takes_single_posts(&self) {
        locked(&self.state.store).single = true;
    }

    /// Edits the bytes that have arrived of each upload.
    pub fn spoil_uploads(&self) {
        for bytes in locked(&self.state.store).uploads.values_mut() {
            bytes.fill(0);
        }
    }

    /// Removes all blobs, manifests and uploads.
    pub fn wipe(&self) {
        let mut store = locked(&self.state.store);
        *store = Store { next: store.next, single: store.single, ..Store::default() };
    }

    /// Accepts a token that the registry has not issued.
    pub fn takes_token(&self, token: &str) {
        locked(&self.state.store).good.insert(token.to_owned());
    }

    /// The number of connections so far.
    pub fn connections(&self) -> u32 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Revokes every issued token.
    pub fn forget_tokens(&self) {
        locked(&self.state.store).good.clear();
    }

    /// Answers only once so many requests wait at the same time; one number for
    /// each round trip.
    pub fn flights(&self, sizes: &[usize]) {
        locked(&self.state.flights).sizes = sizes.iter().copied().collect();
    }

    /// Shows a digest as `name` in the log.
    pub fn call(&self, digest: &Digest, name: &str) {
        locked(&self.state.names).push((digest.to_string(), name.to_owned()));
    }

    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let key = (repository.to_owned(), digest.to_string());
        locked(&self.state.store).blobs.insert(key, bytes.to_vec());
        digest
    }

    pub fn remove_blob(&self, repository: &str, digest: &Digest) {
        let key = (repository.to_owned(), digest.to_string());
        locked(&self.state.store).blobs.remove(&key);
    }

    pub fn put_manifest(&self, repository: &str, tag: &str, of: (&str, &[u8])) -> Digest {
        let digest = Digest::of(of.1);
        let manifests = &mut locked(&self.state.store).manifests;
        for name in [tag, digest.as_str()] {
            let key = (repository.to_owned(), name.to_owned());
            manifests.insert(key, (of.0.to_owned(), of.1.to_vec()));
        }
        digest
    }

    pub fn has_manifest(&self, repository: &str, name: &str) -> bool {
        let key = (repository.to_owned(), name.to_owned());
        locked(&self.state.store).manifests.contains_key(&key)
    }

    /// Takes the requests so far, a line `METHOD path -> status` each, with `+` in
    /// front if the request carried a login.
    pub fn log(&self) -> String {
        std::mem::take(&mut *locked(&self.state.log)).join("\n")
    }

    /// Like [`Self::log`] but sorted, for concurrent requests.
    pub fn sorted_log(&self) -> String {
        let mut log = std::mem::take(&mut *locked(&self.state.log));
        log.sort();
        log.join("\n")
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}
