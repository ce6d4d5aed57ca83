//! What is pushed, and what came of it.

use crate::oci::{Descriptor, Digest, Reference};
use crate::progress::{Counter, Tally};
use crate::registry::remote_blob::RemoteBlob;
use crate::registry::wire::{Host, Payload};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Sum;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What to push, and where to.
#[derive(Clone, Debug)]
pub struct Push {
    /// Configuration and layers. One that the registry is known to have may be left
    /// out.
    pub blobs: Vec<Blob>,
    /// The manifest, which refers to the blobs.
    pub manifest: PushManifest,
    /// The manifests that an index lists, put by digest before it. In groups, each of
    /// which needs only those before it.
    pub children: Vec<Vec<PushManifest>>,
    /// The names to push to, in any number of repositories and registries.
    pub targets: Vec<Reference>,
}

/// A manifest as it is sent, byte by byte.
#[derive(Clone, Debug)]
pub struct PushManifest {
    pub media_type: String,
    pub bytes: Bytes,
    /// The digest of `bytes`.
    pub digest: Digest,
}

/// Content to push.
#[derive(Clone, Debug)]
pub struct Blob {
    pub descriptor: Descriptor,
    pub source: BlobSource,
}

/// Where the content of a blob is.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// A file, which is never whole in memory.
    File(PathBuf),
    Bytes(Bytes),
    /// A repository. The blob is mounted where that is on the same registry, else
    /// passed through.
    Remote(RemoteBlob),
}

/// What a push did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pushed {
    /// The digest of the manifest, the same everywhere.
    pub digest: Digest,
    /// The names that stand for it now, in the order of the targets.
    pub references: Vec<Reference>,
    /// Bytes of blobs that were uploaded.
    pub bytes_sent: u64,
    /// Bytes of blobs that were there already.
    pub bytes_reused: u64,
}

impl Blob {
    pub fn payload(&self) -> Payload {
        match &self.source {
            BlobSource::File(path) => Payload::File {
                path: Arc::from(path.as_path()),
                offset: 0,
                length: self.descriptor.size,
            },
            BlobSource::Bytes(bytes) => Payload::Bytes(bytes.clone()),
            BlobSource::Remote(remote) => remote.payload(),
        }
    }

    /// The repository of this registry from which the blob can be mounted.
    pub fn mountable(&self, host: &Host) -> Option<&str> {
        match &self.source {
            BlobSource::Remote(remote) => remote.repository_at(host),
            BlobSource::File(_) | BlobSource::Bytes(_) => None,
        }
    }
}

/// The manifests of a push.
pub struct PushManifests {
    pub manifest: PushManifest,
    pub children: Vec<Vec<PushManifest>>,
}

/// The blobs of a push, shared by the uploads to all registries.
pub struct PushBlobs {
    /// Each digest once, the largest first.
    pub blobs: Vec<Blob>,
    /// The progress of each blob, over all registries.
    pub tally: Tally,
}

impl PushBlobs {
    /// Blobs that go to `places` repositories. `begun` holds the counters of those that
    /// are being uploaded already.
    pub fn new(blobs: &[Blob], places: u64, begun: &BTreeMap<Digest, Counter>) -> Self {
        let tally = Tally::default();
        for Blob { descriptor: Descriptor { digest, size, .. }, .. } in blobs {
            let done = begun.get(digest).cloned().unwrap_or_default();
            tally.add_begun(digest.as_str(), size.saturating_mul(places), done);
        }
        let mut seen = BTreeSet::new();
        let unique = blobs.iter().filter(|blob| seen.insert(&blob.descriptor.digest));
        let mut unique: Vec<Blob> = unique.cloned().collect();
        unique.sort_by_key(|blob| std::cmp::Reverse(blob.descriptor.size));
        Self { blobs: unique, tally }
    }

    /// The progress of one blob.
    pub fn counter(&self, blob: &Blob) -> Counter {
        self.tally.of(blob.descriptor.digest.as_str())
    }

    /// Counts a blob as there in one more repository.
    pub fn count_reused(&self, blob: &Blob) {
        self.counter(blob).fetch_add(blob.descriptor.size, Ordering::Relaxed);
    }

    pub fn find(&self, digest: &Digest) -> Option<&Blob> {
        self.blobs.iter().find(|blob| blob.descriptor.digest == *digest)
    }
}

/// Bytes that were sent, and bytes that were there.
#[derive(Clone, Copy, Default)]
pub struct Transferred {
    pub sent: u64,
    pub reused: u64,
}

impl Transferred {
    pub fn sent(bytes: u64) -> Self {
        Self { sent: bytes, reused: 0 }
    }

    pub fn reused(bytes: u64) -> Self {
        Self { sent: 0, reused: bytes }
    }

    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.reused += other.reused;
    }
}

impl Sum for Transferred {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum.add(one);
            sum
        })
    }
}
