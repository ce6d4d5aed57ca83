//! One repository that a manifest is pushed to: what it has, and the manifest
//! under its names.

use super::blobs::by_digest;
use super::repository::{Repository, there};
use super::settle::settle;
use super::upload::{SINGLE, SMALL, Upload};
use super::{Blob, Manifests, Moved, PushManifest};
use crate::oci::{Descriptor, Digest, Reference};
use crate::registry::error::{Failure, PushError};
use crate::registry::wire::{self, Payload, Request};
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// One repository that a manifest is pushed to.
pub(super) struct Destination<'a> {
    pub(super) repository: Repository<'a>,
    pub(super) targets: Vec<&'a Reference>,
    pub(super) manifests: &'a Manifests,
}

/// What the registry has of it.
pub(super) struct Found<'a> {
    pub(super) destination: &'a Destination<'a>,
    /// The names that are to point to the manifest and do not.
    pub(super) pending: Vec<&'a Reference>,
    /// The blobs that are not there.
    pub(super) missing: BTreeSet<Digest>,
    /// Those of them that are only expected not to be there.
    pub(super) unasked: BTreeSet<Digest>,
    /// The size of those that are.
    pub(super) reused: u64,
}

/// What was brought there although it was believed to be there, each digest once.
pub(super) type Supplied = BTreeMap<Digest, Moved>;

/// Blobs that are not there, and those of them that nobody asked for.
#[derive(Default)]
struct Missing {
    all: BTreeSet<Digest>,
    unasked: BTreeSet<Digest>,
}

/// What stands under a name.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Answer {
    /// The manifest.
    Same,
    /// Something else.
    Other,
    /// Nothing.
    Absent,
}

impl Destination<'_> {
    /// Finds out what is to be done, in one flight, or in none where that is
    /// known; in two where what was known is not so.
    pub(super) async fn discover(&self) -> Result<Found<'_>, PushError> {
        let digest = &self.manifests.manifest.digest;
        let (seen, new): (Vec<&Reference>, Vec<&Reference>) =
            self.targets.iter().partition(|to| self.repository.known.has_manifest_at(to, digest));
        if seen.is_empty() && self.repository.known.has_manifest(self.repository.name, digest) {
            return Ok(self.found(self.targets.clone(), Missing::default()));
        }
        let expected = self.repository.known.has_repository(self.repository.name);
        if seen.is_empty() {
            return self.ask(new, expected).await;
        }
        if new.is_empty() && seen.iter().all(|to| self.repository.known.stands_for(to, digest)) {
            return Ok(self.found(Vec::new(), Missing::default()));
        }
        // Most likely they are still there, and this is the only question.
        let names = self.has_manifests(&seen).await?;
        let mut pending = self.note(&names);
        if pending.len() == seen.len() {
            if names.iter().any(|(_, answer)| *answer == Answer::Absent) {
                self.repository.known.forget(self.repository.name);
            }
            let found = self.ask(Vec::new(), expected).await?;
            return Ok(Found { pending: self.targets.clone(), ..found });
        }
        pending.extend(new);
        Ok(self.found(pending, Missing::default()))
    }

    /// Asks for the manifest under each of these names and for each blob, all
    /// at once. Where one name has the manifest, the blobs are there.
    ///
    /// A blob that is expected to be missing need not be asked for: opening its
    /// upload asks as well, or sending it again costs as little.
    async fn ask<'b>(
        &'b self,
        names: Vec<&'b Reference>,
        expected: bool,
    ) -> Result<Found<'b>, PushError> {
        let failed = |source| PushError::Discover { name: self.repository.full_name(), source };
        let ways = self.repository.known.ways();
        let unasked = |blob: &&Blob| {
            let size = blob.descriptor.size;
            let mounts = expected && (ways.mounts || size <= SMALL);
            mounts || (ways.single == Some(true) && size <= SINGLE)
        };
        let unknown = || {
            let repository = &self.repository;
            repository.cargo.blobs.iter().filter(|it| {
                let digest = &it.descriptor.digest;
                !repository.known.has_blob(repository.name, digest) && !repository.expects(digest)
            })
        };
        let unsaid: BTreeSet<Digest> =
            unknown().filter(unasked).map(|it| it.descriptor.digest.clone()).collect();
        let mut missing = Missing { all: unsaid.clone(), unasked: unsaid };
        let asked: Vec<&Blob> = unknown().filter(|blob| !unasked(blob)).collect();
        if asked.is_empty() && expected {
            return Ok(self.found(names, missing));
        }
        let manifests = self.has_manifests(&names);
        let blobs =
            settle(asked.into_iter().map(|blob| self.repository.has_blob(blob)), usize::MAX);
        tokio::pin!(manifests, blobs);
        let some = |names: &[(&Reference, Answer)]| {
            names.iter().any(|(_, answer)| *answer == Answer::Same)
        };
        let (names, blobs) = tokio::select! {
            biased;
            names = &mut manifests => {
                let names = names?;
                let known = some(&names);
                (names, if known { Vec::new() } else { blobs.await.map_err(failed)? })
            }
            blobs = &mut blobs => {
                let blobs = blobs.map_err(failed)?;
                (manifests.await?, blobs)
            }
        };
        self.repository.known.looked(self.repository.name);
        let pending = self.note(&names);
        if some(&names) {
            return Ok(self.found(pending, Missing::default()));
        }
        let lacking = blobs.into_iter().filter(|(_, there)| !there);
        missing.all.extend(lacking.map(|(blob, _)| blob.descriptor.digest.clone()));
        Ok(self.found(pending, missing))
    }

    /// Keeps in mind which names have the manifest and returns the others.
    fn note<'b>(&self, names: &[(&'b Reference, Answer)]) -> Vec<&'b Reference> {
        let mut pending = Vec::new();
        for (to, answer) in names {
            match answer {
                Answer::Same => {
                    self.repository.known.saw_manifest(to, &self.manifests.manifest.digest);
                }
                Answer::Other | Answer::Absent => pending.push(*to),
            }
        }
        pending
    }

    fn found<'b>(&'b self, pending: Vec<&'b Reference>, missing: Missing) -> Found<'b> {
        let Missing { all: missing, unasked } = missing;
        let Repository { name, cargo, known, .. } = &self.repository;
        // What is on its way is counted when it arrives.
        let there = |blob: &&Blob| {
            let digest = &blob.descriptor.digest;
            !missing.contains(digest) && !self.repository.expects(digest)
        };
        let mut reused = 0;
        for blob in cargo.blobs.iter().filter(there) {
            let Descriptor { digest, size, .. } = &blob.descriptor;
            known.saw_blob(name, digest);
            cargo.tally.of(digest.as_str()).fetch_add(*size, Ordering::Relaxed);
            reused += size;
        }
        Found { destination: self, pending, missing, unasked, reused }
    }

    async fn has_manifests<'b>(
        &self,
        names: &[&'b Reference],
    ) -> Result<Vec<(&'b Reference, Answer)>, PushError> {
        let failed = |source| PushError::Discover { name: self.repository.full_name(), source };
        let asked = settle(names.iter().map(|to| self.has_manifest(to)), usize::MAX);
        let mut names = asked.await.map_err(failed)?;
        // In the order of the targets, whoever answered first.
        names.sort_by_key(|(to, _)| self.targets.iter().position(|it| it == to));
        Ok(names)
    }

    async fn has_manifest<'b>(
        &self,
        to: &'b Reference,
    ) -> Result<(&'b Reference, Answer), Failure> {
        let path = format!("{}/manifests/{}", self.repository.name, self.manifest_name(to));
        let request = Request::new(
            Method::HEAD,
            self.repository.host.address.url(&path),
            self.repository.scope(),
        )
        .header("accept", &self.manifests.manifest.media_type);
        let response = self.repository.host.send(&request).await?;
        let same =
            wire::digest_of(&response).is_some_and(|it| it == self.manifests.manifest.digest);
        Ok((
            to,
            match there(response).await? {
                true if same => Answer::Same,
                true => Answer::Other,
                false => Answer::Absent,
            },
        ))
    }

    /// What stands in the path: the tag, else the digest of what is pushed.
    fn manifest_name<'b>(&'b self, to: &'b Reference) -> &'b str {
        to.tag.as_deref().unwrap_or(self.manifests.manifest.digest.as_str())
    }

    /// Puts what the manifest lists by digest, then itself under all names at
    /// once. Returns what had to be sent for it although it was counted as there.
    pub(super) async fn put_manifests(
        &self,
        targets: &[&Reference],
    ) -> Result<Supplied, PushError> {
        let mut supplied = Supplied::new();
        let Some(first) = targets.first() else { return Ok(supplied) };
        for flight in &self.manifests.children {
            let put = flight.iter().map(|child| async {
                self.put_manifest(child, &first.with_digest(child.digest.clone())).await
            });
            supplied.extend(settle(put, usize::MAX).await?.into_iter().flatten());
        }
        let put = targets.iter().map(|target| self.put_manifest(&self.manifests.manifest, target));
        supplied.extend(settle(put, usize::MAX).await?.into_iter().flatten());
        Ok(supplied)
    }

    async fn put_manifest(
        &self,
        manifest: &PushManifest,
        to: &Reference,
    ) -> Result<Supplied, PushError> {
        let failed = |source| PushError::Manifest { reference: to.clone(), source };
        let lacking = match self.try_manifest(manifest, to).await.map_err(failed)? {
            Put::Taken => return Ok(Supplied::new()),
            Put::Lacking(lacking) => lacking,
        };
        let mut supplied = self.supply(&lacking.named).await?;
        if let Put::Taken = self.try_manifest(manifest, to).await.map_err(failed)? {
            return Ok(supplied);
        }
        // It does not name all that it lacks.
        supplied.extend(self.supply(&[]).await?);
        match self.try_manifest(manifest, to).await.map_err(failed)? {
            Put::Taken => Ok(supplied),
            Put::Lacking(lacking) => Err(failed(lacking.error.into())),
        }
    }

    async fn try_manifest(&self, manifest: &PushManifest, to: &Reference) -> Result<Put, Failure> {
        let name = to.tag.as_deref().unwrap_or(manifest.digest.as_str());
        let path = format!("{}/manifests/{name}", self.repository.name);
        let request = Request::new(
            Method::PUT,
            self.repository.host.address.url(&path),
            self.repository.scope(),
        )
        .header("content-type", &manifest.media_type)
        .payload(Payload::Bytes(manifest.bytes.clone()));
        let response = self.repository.host.send(&request).await?;
        if response.status().is_success() {
            wire::expect_digest(&response, &manifest.digest)?;
            self.repository.known.saw_manifest(to, &manifest.digest);
            return Ok(Put::Taken);
        }
        let (error, named) = wire::refused_with("PUT", response).await;
        if matches!(error.status(), Some(400 | 404)) && error.to_string().contains("BLOB_UNKNOWN") {
            return Ok(Put::Lacking(Lacking { error, named }));
        }
        Err(error.into())
    }

    /// Uploads what the registry lacks although it was believed to have it: what
    /// it names, else what it does not find when asked.
    async fn supply(&self, named: &[Digest]) -> Result<Supplied, PushError> {
        let repository = &self.repository;
        repository.known.forget(repository.name);
        let ours = by_digest(&repository.cargo.blobs);
        let mut named: Vec<&Blob> =
            named.iter().filter_map(|digest| ours.get(digest).copied()).collect();
        if named.is_empty() {
            let failed = |source| PushError::Discover { name: repository.full_name(), source };
            let asked = repository.cargo.blobs.iter().map(|blob| repository.has_blob(blob));
            let asked = settle(asked, usize::MAX).await.map_err(failed)?;
            named = asked.into_iter().filter(|(_, there)| !there).map(|(blob, _)| blob).collect();
        }
        let supplied = named.into_iter().map(|blob| async move {
            // It was counted as there.
            let Descriptor { digest, size, .. } = &blob.descriptor;
            let done = repository.cargo.tally.of(digest.as_str());
            // Another name may have found out the same.
            let less = |done: u64| Some(done.saturating_sub(*size));
            done.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
            let upload = Upload { repository, blob, from: blob.mountable(repository.host) };
            Ok((digest.clone(), upload.run().await?))
        });
        Ok(settle(supplied, usize::MAX).await?.into_iter().collect())
    }
}

impl Found<'_> {
    /// What was there, less what had to be supplied all the same, which was
    /// counted as there, and how that got there.
    pub(super) fn reused_but(&self, supplied: Supplied) -> Moved {
        let mut moved = Moved { sent: 0, reused: self.reused };
        let repository = &self.destination.repository;
        for (digest, supply) in supplied {
            if !self.missing.contains(&digest) && !repository.expects(&digest) {
                moved.reused = moved.reused.saturating_sub(supply.sent + supply.reused);
                moved.add(supply);
            }
        }
        moved
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
