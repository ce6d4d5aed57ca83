//! A blob that is being fetched: once, however many requests wait for it, and passed on
//! while it arrives.
//!
//! Its last byte is passed on only after its digest was verified, so that a client that
//! counts bytes never takes wrong content for complete.

use super::error::UpstreamError;
use super::origins::{OriginName, Origins};
use crate::local::files::{FileError, create_folder};
use crate::local::registry::digest::digest_of;
use crate::oci::Digest;
use bytes::Bytes;
use futures::Stream;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

/// How often a transfer is begun or resumed.
const MAX_ATTEMPTS: usize = 3;
/// A blob up to this size is verified before its first byte is passed on.
const MAX_BUFFERED_BYTES: u64 = 1024 * 1024;
/// How much is read from the file at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// The progress of a download.
#[derive(Clone, Debug)]
enum DownloadState {
    /// This many bytes are in the file.
    Received(u64),
    Done,
    Failed(Arc<UpstreamError>),
}

/// A blob that is being fetched.
#[derive(Debug)]
pub struct Download {
    pub digest: Digest,
    pub size: u64,
    part: PathBuf,
    state: watch::Sender<DownloadState>,
}

/// Where a blob comes from and where it is stored.
pub struct DownloadRoute<'a> {
    pub origins: &'a Origins,
    pub host: &'a str,
    pub repository: &'a str,
    pub content: &'a Path,
}

impl Download {
    pub fn new(digest: &Digest, size: u64, part: PathBuf) -> Arc<Self> {
        let (state, _) = watch::channel(DownloadState::Received(0));
        Arc::new(Self { digest: digest.clone(), size, part, state })
    }

    /// Fetches, verifies and stores the blob, and wakes everything that waits for it.
    pub async fn run(&self, route: DownloadRoute<'_>) -> Result<(), Arc<UpstreamError>> {
        let stored = self.fetch(&route).await.map_err(Arc::new);
        if stored.is_err() {
            // Neither wrong nor incomplete content is kept.
            tokio::fs::remove_file(&self.part).await.ok();
        }
        self.state.send_replace(match &stored {
            Ok(()) => DownloadState::Done,
            Err(error) => DownloadState::Failed(Arc::clone(error)),
        });
        stored
    }

    async fn fetch(&self, route: &DownloadRoute<'_>) -> Result<(), UpstreamError> {
        self.receive(route).await?;
        let (part, algorithm) = (self.part.clone(), self.digest.algorithm().to_owned());
        let found = tokio::task::spawn_blocking(move || digest_of(&part, &algorithm)).await;
        let found =
            found.map_err(io::Error::other).flatten().map_err(|error| self.io("read", error))?;
        if found != self.digest {
            let (host, expected) = (route.host.to_owned(), self.digest.clone());
            return Err(UpstreamError::Digest { host, expected, found });
        }
        if let Some(folder) = route.content.parent() {
            create_folder(folder)?;
        }
        std::fs::rename(&self.part, route.content).map_err(|error| self.io("keep", error))
    }

    /// Receives all bytes. Resumes where the connection breaks.
    async fn receive(&self, route: &DownloadRoute<'_>) -> Result<(), UpstreamError> {
        let name = self.digest.as_str();
        let name = OriginName { host: route.host, repository: route.repository, name };
        let file = tokio::fs::File::create(&self.part).await;
        let mut file = file.map_err(|error| self.io("create", error))?;
        let (mut have, mut broken) = (0, None);
        for _ in 0..MAX_ATTEMPTS {
            let mut content = route.origins.blob(name, &self.digest, have).await?;
            // A registry without support for ranges sends the content from its beginning.
            let mut skip = have - content.offset;
            loop {
                let chunk = match content.chunk().await {
                    Ok(Some(chunk)) => chunk,
                    Ok(None) => break,
                    Err(failure) => {
                        broken = Some(failure);
                        break;
                    }
                };
                let known = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
                skip -= known as u64;
                have += (chunk.len() - known) as u64;
                if have > self.size {
                    return Err(name.unexpected(&format!("it has more than {} bytes", self.size)));
                }
                file.write_all(&chunk[known..]).await.map_err(|error| self.io("write", error))?;
                // Followers read the file through handles of their own.
                file.flush().await.map_err(|error| self.io("write", error))?;
                self.state.send_replace(DownloadState::Received(have));
            }
            if have == self.size {
                return Ok(());
            }
        }
        Err(match broken {
            Some(failure) => name.failed(failure),
            None => name.unexpected(&format!("it has {have} bytes instead of {}", self.size)),
        })
    }

    fn io(&self, verb: &'static str, source: io::Error) -> UpstreamError {
        FileError::Io { verb, path: self.part.clone(), source }.into()
    }

    /// Waits until the blob is stored.
    pub async fn whole(&self) -> Result<(), Arc<UpstreamError>> {
        self.until(u64::MAX).await.map(drop)
    }

    /// Waits until a small blob is stored, or a large one has begun to arrive. Returns
    /// whether it is stored.
    pub async fn begun(&self) -> Result<bool, Arc<UpstreamError>> {
        self.until(if self.size <= MAX_BUFFERED_BYTES { u64::MAX } else { 1 }).await
    }

    async fn until(&self, bytes: u64) -> Result<bool, Arc<UpstreamError>> {
        let mut states = self.state.subscribe();
        let enough = |state: &DownloadState| !matches!(state, DownloadState::Received(have) if *have < bytes);
        // The sender lives as long as the download itself.
        match states.wait_for(enough).await.as_deref() {
            Ok(DownloadState::Failed(error)) => Err(Arc::clone(error)),
            Ok(DownloadState::Received(_)) => Ok(false),
            Ok(DownloadState::Done) | Err(_) => Ok(true),
        }
    }

    /// The content as it arrives.
    pub async fn follow(
        self: Arc<Self>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send> {
        let file = tokio::fs::File::open(&self.part).await?;
        let follower = Follower { file, sent: 0, states: self.state.subscribe(), download: self };
        Ok(futures::stream::unfold(follower, |mut follower| async move {
            let next = follower.next().await.transpose()?;
            Some((next, follower))
        }))
    }
}

/// A request to which a blob is passed on.
struct Follower {
    file: tokio::fs::File,
    sent: u64,
    states: watch::Receiver<DownloadState>,
    download: Arc<Download>,
}

impl Follower {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let state = self.states.borrow_and_update().clone();
            let there = match state {
                DownloadState::Received(have) => have.min(self.download.size.saturating_sub(1)),
                DownloadState::Done => self.download.size,
                DownloadState::Failed(error) => return Err(io::Error::other(error.words())),
            };
            if self.sent < there {
                let max =
                    usize::try_from(there - self.sent).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
                let mut bytes = vec![0; max];
                let count = self.file.read(&mut bytes).await?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes.truncate(count);
                self.sent += count as u64;
                return Ok(Some(bytes.into()));
            }
            if self.sent == self.download.size {
                return Ok(None);
            }
            self.states.changed().await.map_err(io::Error::other)?;
        }
    }
}
