//! One repository of a push: what it has, and the manifest under its names.

use super::blobs::by_digest;
use super::memory::Memory;
use super::settle::settle;
use super::upload::Upload;
use super::{Blob, Cargo, PushManifest};
use crate::registry::error::{Failure, PushError};
use crate::registry::wire::{self, Host, Payload, Request, Scope};
use crate::registry::{Descriptor, Digest, Reference};
use reqwest::Method;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// One repository of a push.
pub(super) struct Repository<'a> {
    pub(super) host: &'a Host,
    pub(super) name: &'a str,
    pub(super) targets: Vec<&'a Reference>,
    pub(super) cargo: &'a Cargo,
    pub(super) memory: &'a Memory,
}

/// What the registry has of it.
pub(super) struct Found<'a> {
    pub(super) repository: &'a Repository<'a>,
    /// The names that are to point to the manifest and do not.
    pub(super) pending: Vec<&'a Reference>,
    /// The blobs that are not there.
    pub(super) missing: BTreeSet<Digest>,
    /// The size of those that are.
    pub(super) reused: u64,
}

impl Repository<'_> {
    /// `host/repository`.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.host.address.name, self.name)
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::push(self.name)
    }

    /// Asks for the manifest under each name and for each blob, all at once.
    /// Where one name has the manifest, the blobs are there.
    pub(super) async fn discover(&self) -> Result<Found<'_>, PushError> {
        let failed = |source| PushError::Discover { name: self.full_name(), source };
        let manifests = settle(self.targets.iter().map(|to| self.has_manifest(to)), usize::MAX);
        let full = self.full_name();
        let unknown = self
            .cargo
            .blobs
            .iter()
            .filter(|blob| !self.memory.knows(&full, &blob.descriptor.digest));
        let blobs = settle(unknown.map(|blob| self.has_blob(blob)), usize::MAX);
        tokio::pin!(manifests, blobs);
        let (manifests, missing) = tokio::select! {
            biased;
            manifests = &mut manifests => {
                let manifests = manifests.map_err(failed)?;
                let known = manifests.iter().any(|(_, there)| *there);
                (manifests, if known { Vec::new() } else { blobs.await.map_err(failed)? })
            }
            missing = &mut blobs => {
                let missing = missing.map_err(failed)?;
                (manifests.await.map_err(failed)?, missing)
            }
        };
        let known = manifests.iter().any(|(_, there)| *there);
        let missing: BTreeSet<Digest> = missing
            .into_iter()
            .filter(|(_, there)| !known && !there)
            .map(|(blob, _)| blob.descriptor.digest.clone())
            .collect();
        let pending: BTreeSet<&Reference> =
            manifests.into_iter().filter(|(_, there)| !there).map(|(target, _)| target).collect();
        let mut reused = 0;
        for blob in self.cargo.blobs.iter().filter(|it| !missing.contains(&it.descriptor.digest)) {
            self.memory.seen(&full, &blob.descriptor.digest);
            let Descriptor { digest, size, .. } = &blob.descriptor;
            self.cargo.tally.of(digest).fetch_add(*size, Ordering::Relaxed);
            reused += size;
        }
        let pending = self.targets.iter().copied().filter(|it| pending.contains(it)).collect();
        Ok(Found { repository: self, pending, missing, reused })
    }

    async fn has_manifest<'b>(&self, to: &'b Reference) -> Result<(&'b Reference, bool), Failure> {
        let path = format!("{}/manifests/{}", self.name, self.manifest_name(to));
        let request = Request::new(Method::HEAD, self.host.address.url(&path), self.scope())
            .header("accept", &self.cargo.manifest.media_type);
        let response = self.host.send(&request).await?;
        let same = wire::digest_of(&response).is_some_and(|it| it == self.cargo.manifest.digest);
        Ok((to, there(response).await? && same))
    }

    async fn has_blob<'b>(&self, blob: &'b Blob) -> Result<(&'b Blob, bool), Failure> {
        let path = format!("{}/blobs/{}", self.name, blob.descriptor.digest);
        let request = Request::new(Method::HEAD, self.host.address.url(&path), self.scope());
        let response = self.host.send(&request).await?;
        Ok((blob, there(response).await?))
    }

    /// What stands in the path: the tag, else the digest of what is pushed.
    fn manifest_name<'b>(&'b self, to: &'b Reference) -> &'b str {
        to.tag.as_deref().unwrap_or(self.cargo.manifest.digest.as_str())
    }

    /// Puts what the manifest lists by digest, then itself under all names at
    /// once.
    pub(super) async fn put_manifests(&self, targets: &[&Reference]) -> Result<(), PushError> {
        let Some(first) = targets.first() else { return Ok(()) };
        for flight in &self.cargo.children {
            let put = flight.iter().map(|child| async {
                self.put_manifest(child, &first.with_digest(child.digest.clone())).await
            });
            settle(put, usize::MAX).await?;
        }
        let put = targets.iter().map(|target| self.put_manifest(&self.cargo.manifest, target));
        settle(put, usize::MAX).await.map(drop)
    }

    async fn put_manifest(&self, manifest: &PushManifest, to: &Reference) -> Result<(), PushError> {
        let failed = |source| PushError::Manifest { reference: to.clone(), source };
        let lacking = match self.try_manifest(manifest, to).await.map_err(failed)? {
            Put::Taken => return Ok(()),
            Put::Lacking(lacking) => lacking,
        };
        self.supply(&lacking).await?;
        match self.try_manifest(manifest, to).await.map_err(failed)? {
            Put::Taken => Ok(()),
            Put::Lacking(lacking) => Err(failed(lacking.error.into())),
        }
    }

    async fn try_manifest(&self, manifest: &PushManifest, to: &Reference) -> Result<Put, Failure> {
        let name = to.tag.as_deref().unwrap_or(manifest.digest.as_str());
        let path = format!("{}/manifests/{name}", self.name);
        let request = Request::new(Method::PUT, self.host.address.url(&path), self.scope())
            .header("content-type", &manifest.media_type)
            .payload(Payload::Bytes(manifest.bytes.clone()));
        let response = self.host.send(&request).await?;
        if response.status().is_success() {
            return match wire::digest_of(&response) {
                Some(found) if found != manifest.digest => {
                    Err(Failure::Digest { expected: manifest.digest.clone(), found })
                }
                Some(_) | None => Ok(Put::Taken),
            };
        }
        let (error, named) = wire::refused_with("PUT", response).await;
        if matches!(error.status(), Some(400 | 404)) && error.to_string().contains("BLOB_UNKNOWN") {
            return Ok(Put::Lacking(Lacking { error, named }));
        }
        Err(error.into())
    }

    /// Uploads what the registry lacks although it was believed to have it.
    async fn supply(&self, lacking: &Lacking) -> Result<(), PushError> {
        self.memory.forget(&self.full_name());
        let ours = by_digest(&self.cargo.blobs);
        let mut named: Vec<&Blob> =
            lacking.named.iter().filter_map(|digest| ours.get(digest).copied()).collect();
        if named.is_empty() {
            let failed = |source| PushError::Discover { name: self.full_name(), source };
            let asked = self.cargo.blobs.iter().map(|blob| self.has_blob(blob));
            let asked = settle(asked, usize::MAX).await.map_err(failed)?;
            named = asked.into_iter().filter(|(_, there)| !there).map(|(blob, _)| blob).collect();
        }
        let uploads: Vec<Upload<'_>> = named
            .into_iter()
            .map(|blob| {
                // It was counted as there.
                let Descriptor { digest, size, .. } = &blob.descriptor;
                self.cargo.tally.of(digest).fetch_sub(*size, Ordering::Relaxed);
                Upload { repository: self, blob, from: blob.mountable(self.host) }
            })
            .collect();
        settle(uploads.iter().map(Upload::run), usize::MAX).await.map(drop)
    }
}

/// What came of putting a manifest.
enum Put {
    Taken,
    Lacking(Lacking),
}

/// The registry lacks blobs.
struct Lacking {
    error: crate::http::Error,
    named: Vec<Digest>,
}

/// Whether a HEAD found something. A registry that refuses the question may
/// still take the answer.
async fn there(response: reqwest::Response) -> Result<bool, Failure> {
    match response.status().as_u16() {
        200..=299 => Ok(true),
        400 | 403..=405 => Ok(false),
        _ => Err(wire::refused("HEAD", response).await.into()),
    }
}
