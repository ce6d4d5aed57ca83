//! Copies a blob from one registry to another without storing it here.
//!
//! A blob that is read in order from its first byte is hashed, and its last chunk is
//! passed on only if the digest matches. Ranges that are sent again or resumed are not
//! hashed here; the registry that receives them verifies them.

use super::blob_stream::BlobStream;
use super::error::Failure;
use super::wire::{BodySource, BodyStream, Host, Payload};
use crate::oci::{Descriptor, Hasher};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A blob in a repository. Reading it signs in to its registry like a pull.
#[derive(Clone)]
pub struct RemoteBlob(Arc<RemoteSource>);

struct RemoteSource {
    host: Arc<Host>,
    repository: String,
    blob: Descriptor,
    /// A local copy, which is read instead.
    copy: Option<Arc<Path>>,
}

impl fmt::Debug for RemoteBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteBlob({}@{})", self.full_name(), self.0.blob.digest)
    }
}

impl RemoteBlob {
    pub(in crate::registry) fn new(
        host: Arc<Host>,
        repository: &str,
        blob: Descriptor,
        copy: Option<PathBuf>,
    ) -> Self {
        let (repository, copy) = (repository.to_owned(), copy.map(Arc::from));
        Self(Arc::new(RemoteSource { host, repository, blob, copy }))
    }

    /// The repository that holds the blob, if it is on this registry.
    pub(in crate::registry) fn repository_at(&self, host: &Host) -> Option<&str> {
        (self.0.host.address.name == host.address.name).then_some(&*self.0.repository)
    }

    /// The body of a request that uploads the blob.
    pub(in crate::registry) fn payload(&self) -> Payload {
        let (offset, length) = (0, self.0.blob.size);
        if let Some(path) = self.0.copy.clone() {
            Payload::File { path, offset, length }
        } else {
            let source = PassThrough { blob: self.clone(), hashed: Arc::default() };
            Payload::Stream { source: Arc::new(source), offset, length }
        }
    }

    /// `host/repository`.
    fn full_name(&self) -> String {
        format!("{}/{}", self.0.host.address.name, self.0.repository)
    }

    fn failed(&self, failure: Failure) -> io::Error {
        io::Error::other(Failure::Source { name: self.full_name(), source: Box::new(failure) })
    }
}

/// A blob on its way from one registry to another, whole or in ranges.
#[derive(Clone, Debug)]
struct PassThrough {
    blob: RemoteBlob,
    /// The hash of the content that was read in order, from the first byte on.
    hashed: Arc<Mutex<Hasher>>,
}

/// One response that is being passed on.
struct OpenPart {
    source: PassThrough,
    content: BlobStream,
    /// How many received bytes are to be dropped: not every registry supports ranges.
    skip: u64,
    at: u64,
    end: u64,
}

impl BodySource for PassThrough {
    fn open(&self, offset: u64, length: u64) -> BoxFuture<'_, io::Result<BodyStream>> {
        Box::pin(async move {
            let RemoteSource { host, repository, blob, .. } = &*self.blob.0;
            let content = BlobStream::open(host, repository, &blob.digest, offset).await;
            let content = content.map_err(|error| self.blob.failed(error))?;
            let (skip, end) = (offset - content.offset, offset + length);
            let part = OpenPart { source: self.clone(), content, skip, at: offset, end };
            let chunks = stream::try_unfold(part, |mut part| async {
                let chunk = part.next().await;
                let chunk = chunk.map_err(|failure| part.source.blob.failed(failure))?;
                Ok(chunk.map(|chunk| (chunk, part)))
            });
            Ok(Box::pin(chunks) as BodyStream)
        })
    }
}

impl PassThrough {
    /// Hashes a chunk if it continues what was hashed, and verifies the digest after
    /// the last one.
    fn hash(&self, at: u64, chunk: &[u8]) -> Result<(), Failure> {
        let mut hashed = self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        if at == 0 {
            *hashed = Hasher::new();
        }
        if at != hashed.length() {
            // A range that is sent again, or with which an upload goes on, does not
            // continue the hash. The registry that receives it verifies it.
            return Ok(());
        }
        hashed.update(chunk);
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

impl OpenPart {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while self.at < self.end {
            let Some(mut chunk) = self.content.chunk().await? else {
                let (at, size) = (self.at, self.source.blob.0.blob.size);
                let reason = format!("a blob of {size} bytes ends after {at}");
                return Err(Failure::Unexpected(reason));
            };
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
            drop(chunk.split_to(skipped));
            self.skip -= skipped as u64;
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            chunk.truncate(left);
            if chunk.is_empty() {
                continue;
            }
            self.source.hash(self.at, &chunk)?;
            self.at += chunk.len() as u64;
            return Ok(Some(chunk));
        }
        Ok(None)
    }
}
