//! A push: what is missing goes up, then the manifest under each name.
//!
//! In round trips, where nothing is in the way: ask for the manifest and for
//! all blobs in one flight; open uploads for what is missing; send the bodies;
//! put the manifest under all tags. Where the manifest is there, the first
//! flight is the last. What an index lists goes up in a flight before it. What
//! earlier pushes have seen makes flights smaller, and saves the first where it
//! is known what is missing. A large blob that several repositories lack takes
//! one more, in which the others take it over.

mod ahead;
mod blobs;
mod destination;
mod glance;
mod memory;
mod open;
mod ranges;
mod repository;
mod settle;
mod upload;

pub use ahead::Ahead;
use ahead::Arriving;
pub(super) use memory::Memory;
pub(super) use settle::settle;

use super::client::Client;
use super::error::PushError;
use super::wire::{Host, Payload, RemoteBlob};
use crate::oci::Descriptor;
use crate::oci::Digest;
use crate::oci::Reference;
use crate::progress::Progress;
use bytes::Bytes;
use destination::Destination;
use repository::{Cargo, Repository, tally};
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Sum;
use std::path::PathBuf;
use std::sync::Arc;
use upload::Upload;

/// What to push, and where to.
#[derive(Clone, Debug)]
pub struct Push {
    /// The configuration and the layers. One that the registry is known to have
    /// may be left out.
    pub blobs: Vec<Blob>,
    /// What refers to them.
    pub manifest: PushManifest,
    /// Where that is an index: what it lists, put by digest before it. Flight by
    /// flight, each of which needs only those before.
    pub children: Vec<Vec<PushManifest>>,
    /// Under which names: several tags, repositories, registries.
    pub targets: Vec<Reference>,
}

/// A manifest as it is sent, byte by byte.
#[derive(Clone, Debug)]
pub struct PushManifest {
    /// What it is.
    pub media_type: String,
    /// Its text.
    pub bytes: Bytes,
    /// The digest of the text.
    pub digest: Digest,
}

/// Content to push.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What it is.
    pub descriptor: Descriptor,
    /// Where it is.
    pub source: BlobSource,
}

/// Where content is.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// In a file, which is read piece by piece.
    File(PathBuf),
    /// Here.
    Bytes(Bytes),
    /// In a repository, from which it is mounted where that is of the same
    /// registry, else sent on as it comes.
    Remote(RemoteBlob),
}

/// What a push did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pushed {
    /// The digest of the manifest, the same everywhere.
    pub digest: Digest,
    /// Where it is now, in the order of the targets.
    pub references: Vec<Reference>,
    /// Bytes of blobs that went up.
    pub bytes_sent: u64,
    /// Bytes of blobs that were there already.
    pub bytes_reused: u64,
}

impl Blob {
    pub(super) fn payload(&self) -> Payload {
        match &self.source {
            BlobSource::File(path) => Payload::File {
                path: Arc::from(path.as_path()),
                offset: 0,
                length: self.descriptor.size,
            },
            BlobSource::Bytes(bytes) => Payload::Bytes(bytes.clone()),
            BlobSource::Remote(remote) => Payload::remote(remote),
        }
    }

    /// The repository of this registry from which it can be mounted.
    pub(super) fn mountable(&self, host: &Host) -> Option<&str> {
        match &self.source {
            BlobSource::Remote(remote) => remote.repository_at(host),
            BlobSource::File(_) | BlobSource::Bytes(_) => None,
        }
    }
}

/// What refers to the blobs.
pub(super) struct Manifests {
    pub(super) manifest: PushManifest,
    pub(super) children: Vec<Vec<PushManifest>>,
}

/// Bytes sent and bytes that were there.
#[derive(Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) sent: u64,
    pub(super) reused: u64,
}

impl Moved {
    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.reused += other.reused;
    }
}

impl Sum for Moved {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum.add(one);
            sum
        })
    }
}

impl Client {
    /// Pushes. What a registry has is not sent again, so that the next attempt
    /// after a failure goes on where this one stopped.
    pub async fn push(
        &self,
        push: Push,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        self.push_beside(Arriving::default(), push, progress).await
    }

    /// Pushes what is left when blobs are on their way; they are part of it.
    pub async fn push_after(
        &self,
        ahead: Ahead,
        push: Push,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        self.push_beside(ahead.arriving(), push, progress).await
    }

    async fn push_beside(
        &self,
        arriving: Arriving,
        push: Push,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        if push.targets.is_empty() {
            return Err(PushError::NoTarget);
        }
        let mut hosts: BTreeMap<&str, BTreeMap<&str, Vec<&Reference>>> = BTreeMap::new();
        for target in &push.targets {
            let repositories = hosts.entry(&target.host).or_default();
            repositories.entry(&target.repository).or_default().push(target);
        }
        let places = hosts.values().map(BTreeMap::len).sum::<usize>() as u64;
        let tally = tally(&push.blobs, places, arriving.begun());
        let cargo = Cargo { blobs: unique(&push.blobs), tally };
        let manifests = Manifests { manifest: push.manifest, children: push.children };
        let freight = (&cargo, &manifests, &arriving);
        let pushing = settle(
            hosts.into_iter().map(|(host, repositories)| self.push_to(host, repositories, freight)),
            usize::MAX,
        );
        let each = cargo.tally.while_doing(pushing, progress).await?;
        let mut moved: Moved = each.into_iter().sum();
        moved.add(arriving.arrived().await.moved);
        Ok(Pushed {
            digest: manifests.manifest.digest,
            references: push.targets,
            bytes_sent: moved.sent,
            bytes_reused: moved.reused,
        })
    }

    /// Pushes to one registry.
    async fn push_to(
        &self,
        host: &str,
        repositories: BTreeMap<&str, Vec<&Reference>>,
        (cargo, manifests, arriving): (&Cargo, &Manifests, &Arriving),
    ) -> Result<Moved, PushError> {
        let connected = self.host(host).map_err(|source| {
            let name = host.to_owned();
            PushError::Discover { name, source }
        })?;
        let known = self.memory().of(host);
        let destinations: Vec<Destination<'_>> = repositories
            .into_iter()
            .map(|(name, targets)| {
                let (host, parts) = (&*connected, self.parts());
                let repository = Repository { host, name, cargo, known: &known, parts, arriving };
                Destination { repository, targets, manifests }
            })
            .collect();
        let moved = push_all(&destinations, cargo).await;
        known.save();
        moved
    }
}

/// Pushes to the repositories of one registry.
async fn push_all(destinations: &[Destination<'_>], cargo: &Cargo) -> Result<Moved, PushError> {
    let mut found = settle(destinations.iter().map(Destination::discover), usize::MAX).await?;
    found.sort_by_key(|found| found.destination.repository.name);
    let shares = blobs::share(&found, cargo);
    let mut moved = settle(shares.now.iter().map(Upload::run), usize::MAX).await?;
    let names = found.iter().map(|found| async {
        let name = found.destination.repository.name;
        let rest = found.destination.repository.rest().await?;
        let later = shares.later.iter().filter(|it| it.repository.name == name);
        let mut moved = settle(later.map(Upload::run), usize::MAX).await?;
        moved.push(rest);
        let supplied = found.destination.put_manifests(&found.pending).await?;
        moved.push(found.reused_but(supplied));
        Ok(moved)
    });
    moved.extend(settle(names, usize::MAX).await?.into_iter().flatten());
    Ok(moved.into_iter().sum())
}

fn unique(blobs: &[Blob]) -> Vec<Blob> {
    let mut seen = BTreeSet::new();
    let mut unique: Vec<Blob> =
        blobs.iter().filter(|blob| seen.insert(&blob.descriptor.digest)).cloned().collect();
    unique.sort_by_key(|blob| std::cmp::Reverse(blob.descriptor.size));
    unique
}
