//! A blob that stays where it is until it is sent elsewhere, and then passes
//! through without touching the disk.
//!
//! Its hash is taken on the way: the last piece is handed on only when the whole
//! is what its digest says.

use super::host::Host;
use super::request::{Request, Scope};
use super::{header, refused};
use crate::http;
use crate::oci::{Descriptor, Hasher};
use crate::registry::error::Failure;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use reqwest::{Method, Response};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Pieces of a body.
pub(super) type Stream = BoxStream<'static, io::Result<Bytes>>;

/// A blob in a repository. Reading it signs in to its registry as a pull from
/// there does.
#[derive(Clone)]
pub struct RemoteBlob(Arc<Inner>);

struct Inner {
    host: Arc<Host>,
    repository: String,
    blob: Descriptor,
    /// A copy of it that is here, which is read instead.
    copy: Option<Arc<Path>>,
}

impl fmt::Debug for RemoteBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteBlob({}@{})", self.name(), self.0.blob.digest)
    }
}

impl RemoteBlob {
    pub(in crate::registry) fn new(
        (host, repository): (Arc<Host>, &str),
        blob: Descriptor,
        copy: Option<PathBuf>,
    ) -> Self {
        let (repository, copy) = (repository.to_owned(), copy.map(Arc::from));
        Self(Arc::new(Inner { host, repository, blob, copy }))
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.0.blob.size
    }

    /// A copy of it that is here.
    pub(super) fn copy(&self) -> Option<Arc<Path>> {
        self.0.copy.clone()
    }

    /// Its repository, where that is of this registry.
    pub(in crate::registry) fn repository_at(&self, host: &Host) -> Option<&str> {
        (self.0.host.address.name == host.address.name).then_some(&*self.0.repository)
    }

    /// `host/repository`.
    fn name(&self) -> String {
        format!("{}/{}", self.0.host.address.name, self.0.repository)
    }

    fn failed(&self, failure: Failure) -> io::Error {
        io::Error::other(Failure::Source { name: self.name(), source: Box::new(failure) })
    }

    /// Asks for the blob from `offset` on.
    async fn ask(&self, offset: u64) -> Result<Response, Failure> {
        let Inner { host, repository, blob, .. } = &*self.0;
        let url = host.address.url(&format!("{repository}/blobs/{}", blob.digest));
        let mut request = Request::new(Method::GET, url, Scope::pull(repository));
        if offset > 0 {
            request = request.header("range", &format!("bytes={offset}-"));
        }
        let response = host.send(&request).await?;
        match response.status().as_u16() {
            200 | 206 => Ok(response),
            _ => Err(refused("GET", response).await.into()),
        }
    }
}

/// A blob on its way from one registry into another, perhaps in ranges.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Passage {
    blob: RemoteBlob,
    /// Of what has come in order, from the first byte on.
    hashed: Arc<Mutex<Hasher>>,
}

/// One answer that is being passed on.
struct Passing {
    passage: Passage,
    response: Response,
    /// Bytes that come and are not wanted: not every registry knows ranges.
    skip: u64,
    at: u64,
    end: u64,
}

impl Passage {
    pub(super) fn new(blob: RemoteBlob) -> Self {
        Self { blob, hashed: Arc::default() }
    }

    /// The bytes from `offset` on. Boxed, since a request that carries them waits
    /// for another request.
    pub(super) fn open(&self, offset: u64, length: u64) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(async move {
            let response = self.blob.ask(offset).await.map_err(|error| self.blob.failed(error))?;
            let skip = if begins_at(&response, offset) { 0 } else { offset };
            let end = offset + length;
            let passing = Passing { passage: self.clone(), response, skip, at: offset, end };
            let pieces = stream::try_unfold(passing, |mut passing| async {
                let piece = passing.next().await;
                let piece = piece.map_err(|failure| passing.passage.blob.failed(failure))?;
                Ok(piece.map(|piece| (piece, passing)))
            });
            Ok(Box::pin(pieces) as Stream)
        })
    }

    /// Takes a piece into the hash where it goes on from what was there, and
    /// compares when it is the last.
    fn hash(&self, at: u64, piece: &[u8]) -> Result<(), Failure> {
        let mut hashed = self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        if at == 0 {
            *hashed = Hasher::new();
        }
        if at != hashed.length() {
            // A range that is sent again. The registry it goes to compares too.
            return Ok(());
        }
        hashed.update(piece);
        let Descriptor { digest, size, .. } = &self.blob.0.blob;
        if hashed.length() < *size {
            return Ok(());
        }
        let (found, _) = hashed.clone().finish();
        if found == *digest {
            return Ok(());
        }
        Err(Failure::Digest { expected: digest.clone(), found })
    }
}

impl Passing {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while self.at < self.end {
            let url = http::SafeUrl::new(self.response.url().clone());
            let piece = self.response.chunk().await.map_err(|source| {
                let method = "GET".to_owned();
                if source.is_timeout() {
                    http::Error::TimedOut { method, url }
                } else {
                    http::Error::Transport { method, url, source: source.without_url() }
                }
            })?;
            let Some(mut piece) = piece else {
                let (at, size) = (self.at, self.passage.blob.size());
                let reason = format!("a blob of {size} bytes ends after {at}");
                return Err(Failure::Nonsense(reason));
            };
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
            drop(piece.split_to(skipped));
            self.skip -= skipped as u64;
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            piece.truncate(left);
            if piece.is_empty() {
                continue;
            }
            self.passage.hash(self.at, &piece)?;
            self.at += piece.len() as u64;
            return Ok(Some(piece));
        }
        Ok(None)
    }
}

fn begins_at(response: &Response, at: u64) -> bool {
    at == 0
        || response.status().as_u16() == 206
            && header(response, "content-range")
                .is_some_and(|range| range.starts_with(&format!("bytes {at}-")))
}
