//! A blob on its way here: fetched once, however many wait for it, and passed
//! on while it comes.
//!
//! Its last byte goes to nobody before its digest was checked, so that who
//! counts bytes never takes what is wrong for whole.

use super::client::{Client, Place};
use super::error::UpstreamError;
use crate::local::files::{FileError, create_folder};
use crate::local::registry::digest::digest_of;
use crate::oci::Digest;
use bytes::Bytes;
use futures::Stream;
use http::header::{self, HeaderMap, HeaderValue};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

/// How often a transfer is taken up again where it broke off.
const ATTEMPTS: usize = 3;
/// Up to this size a blob is checked before its first byte is passed on.
const SMALL: u64 = 1024 * 1024;
/// How much is read at a time.
const CHUNK: usize = 256 * 1024;

/// How far it is.
#[derive(Clone, Debug)]
enum State {
    Received(u64),
    Done,
    Failed(Arc<UpstreamError>),
}

/// A blob on its way.
#[derive(Debug)]
pub(in crate::local::registry) struct Flight {
    pub(super) digest: Digest,
    pub(in crate::local::registry) size: u64,
    part: PathBuf,
    state: watch::Sender<State>,
}

/// Where a blob comes from and goes to.
pub(super) struct Route<'a> {
    pub(super) client: &'a Client,
    pub(super) host: &'a str,
    pub(super) repository: &'a str,
    pub(super) content: &'a Path,
}

impl Flight {
    pub(super) fn new(digest: &Digest, size: u64, part: PathBuf) -> Arc<Self> {
        let (state, _) = watch::channel(State::Received(0));
        Arc::new(Self { digest: digest.clone(), size, part, state })
    }

    /// Fetches, checks and keeps it, and tells whoever waits.
    pub(super) async fn fly(&self, route: Route<'_>) -> Result<(), Arc<UpstreamError>> {
        let landed = self.land(&route).await.map_err(Arc::new);
        if landed.is_err() {
            // What is wrong or half is of no use to anybody.
            tokio::fs::remove_file(&self.part).await.ok();
        }
        self.state.send_replace(match &landed {
            Ok(()) => State::Done,
            Err(error) => State::Failed(Arc::clone(error)),
        });
        landed
    }

    async fn land(&self, route: &Route<'_>) -> Result<(), UpstreamError> {
        self.receive(route).await?;
        let (part, algorithm) = (self.part.clone(), self.digest.algorithm().to_owned());
        let found = tokio::task::spawn_blocking(move || digest_of(&part, &algorithm)).await;
        let found =
            found.map_err(io::Error::other).flatten().map_err(|why| self.io("read", why))?;
        if found != self.digest {
            let (host, expected) = (route.host.to_owned(), self.digest.clone());
            return Err(UpstreamError::Digest { host, expected, found });
        }
        if let Some(folder) = route.content.parent() {
            create_folder(folder)?;
        }
        std::fs::rename(&self.part, route.content).map_err(|why| self.io("keep", why))
    }

    /// Receives all bytes, from where they broke off if they do.
    async fn receive(&self, route: &Route<'_>) -> Result<(), UpstreamError> {
        let name = self.digest.as_str();
        let place = Place { host: route.host, repository: route.repository, name };
        let file = tokio::fs::File::create(&self.part).await;
        let mut file = file.map_err(|why| self.io("create", why))?;
        let (mut have, mut broke) = (0, None);
        for _ in 0..ATTEMPTS {
            let response = route.client.get(&place, "blobs", rest(have)).await?;
            // Who knows no ranges begins from the front.
            let resumed = response.status() == reqwest::StatusCode::PARTIAL_CONTENT;
            let mut skip = if resumed { 0 } else { have };
            let mut response = response;
            loop {
                let bytes = match response.chunk().await {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => break,
                    Err(error) => {
                        broke = Some(error);
                        break;
                    }
                };
                let known = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
                skip -= known as u64;
                let new = &bytes[known..];
                have += new.len() as u64;
                if have > self.size {
                    let why = format!("it has more than {} bytes", self.size);
                    return Err(place.nonsense(&why));
                }
                file.write_all(new).await.map_err(|why| self.io("write", why))?;
                // Whoever follows reads the file, not this handle.
                file.flush().await.map_err(|why| self.io("write", why))?;
                self.state.send_replace(State::Received(have));
            }
            if have == self.size {
                return Ok(());
            }
        }
        match broke {
            Some(error) => Err(place.broken(error)),
            None => Err(place.nonsense(&format!("it has {have} bytes instead of {}", self.size))),
        }
    }

    fn io(&self, verb: &'static str, source: io::Error) -> UpstreamError {
        FileError::Io { verb, path: self.part.clone(), source }.into()
    }

    /// Waits until it is there.
    pub(in crate::local::registry) async fn whole(&self) -> Result<(), Arc<UpstreamError>> {
        self.until(u64::MAX).await.map(drop)
    }

    /// Waits until it is there, or is long and on its way. Says whether it is
    /// there.
    pub(in crate::local::registry) async fn begun(&self) -> Result<bool, Arc<UpstreamError>> {
        self.until(if self.size <= SMALL { u64::MAX } else { 1 }).await
    }

    async fn until(&self, bytes: u64) -> Result<bool, Arc<UpstreamError>> {
        let mut states = self.state.subscribe();
        let enough = |state: &State| !matches!(state, State::Received(have) if *have < bytes);
        // The sender lives as long as the flight itself.
        match states.wait_for(enough).await.as_deref() {
            Ok(State::Failed(error)) => Err(Arc::clone(error)),
            Ok(State::Received(_)) => Ok(false),
            Ok(State::Done) | Err(_) => Ok(true),
        }
    }

    /// Its bytes as they come.
    pub(in crate::local::registry) async fn follow(
        self: Arc<Self>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send> {
        let file = tokio::fs::File::open(&self.part).await?;
        let follower = Follower { file, sent: 0, states: self.state.subscribe(), flight: self };
        Ok(futures::stream::unfold(follower, |mut follower| async move {
            let next = follower.next().await.transpose()?;
            Some((next, follower))
        }))
    }
}

/// Everything from a byte on.
fn rest(have: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if have > 0
        && let Ok(range) = HeaderValue::from_str(&format!("bytes={have}-"))
    {
        headers.insert(header::RANGE, range);
    }
    headers
}

/// One of those to whom a blob is passed on.
struct Follower {
    file: tokio::fs::File,
    sent: u64,
    states: watch::Receiver<State>,
    flight: Arc<Flight>,
}

impl Follower {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let state = self.states.borrow_and_update().clone();
            let there = match state {
                State::Received(have) => have.min(self.flight.size.saturating_sub(1)),
                State::Done => self.flight.size,
                State::Failed(error) => return Err(io::Error::other(error.words())),
            };
            if self.sent < there {
                let most = usize::try_from(there - self.sent).unwrap_or(CHUNK).min(CHUNK);
                let mut bytes = vec![0; most];
                let count = self.file.read(&mut bytes).await?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes.truncate(count);
                self.sent += count as u64;
                return Ok(Some(bytes.into()));
            }
            if self.sent == self.flight.size {
                return Ok(None);
            }
            self.states.changed().await.map_err(io::Error::other)?;
        }
    }
}
