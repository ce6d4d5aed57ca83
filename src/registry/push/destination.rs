//! One repository that a manifest is pushed to, and what it has already.

use super::content::{Blob, PushManifests};
use super::open::MAX_SINGLE_POST_BYTES;
use super::repository::{TargetRepository, exists};
use super::upload::MAX_SMALL_BLOB_BYTES;
use crate::oci::{Digest, Reference};
use crate::registry::error::{Failure, PushError};
use crate::registry::try_join_bounded::try_join_bounded;
use crate::registry::wire::{self, Request};
use reqwest::Method;
use std::collections::BTreeSet;

/// One repository that a manifest is pushed to.
pub struct Destination<'a> {
    pub repository: TargetRepository<'a>,
    pub targets: Vec<&'a Reference>,
    pub manifests: &'a PushManifests,
}

/// What a repository has, and what is to be done.
pub struct Discovery<'a> {
    pub destination: &'a Destination<'a>,
    /// The names that do not stand for the manifest yet.
    pub pending: Vec<&'a Reference>,
    /// The blobs that are not there.
    pub missing: BTreeSet<Digest>,
    /// The blobs of these that are only assumed to be missing.
    pub assumed: BTreeSet<Digest>,
    /// The size of the blobs that are there.
    pub reused: u64,
}

/// Blobs that are not there, and those of them that were not asked for.
#[derive(Default)]
struct MissingBlobs {
    all: BTreeSet<Digest>,
    assumed: BTreeSet<Digest>,
}

/// What a name stands for.
#[derive(Clone, Copy, Eq, PartialEq)]
enum NameState {
    /// The manifest that is pushed.
    Same,
    /// Another manifest.
    Other,
    Absent,
}

impl Destination<'_> {
    /// Finds out what is to be done: in one round trip, in none where it is known, in
    /// two where what was known turns out wrong.
    pub async fn discover(&self) -> Result<Discovery<'_>, PushError> {
        let (digest, known) = (&self.manifests.manifest.digest, self.repository.known);
        let (seen, new): (Vec<&Reference>, Vec<&Reference>) =
            self.targets.iter().partition(|to| known.has_manifest_at(to, digest));
        if seen.is_empty() && known.has_manifest(self.repository.name, digest) {
            return Ok(self.discovery(self.targets.clone(), MissingBlobs::default()));
        }
        let expected = known.has_repository(self.repository.name);
        if seen.is_empty() {
            return self.ask(new, expected).await;
        }
        if new.is_empty() && seen.iter().all(|to| known.is_current(to, digest)) {
            return Ok(self.discovery(Vec::new(), MissingBlobs::default()));
        }
        // Most likely these names still stand for the manifest, and nothing else has to
        // be asked.
        let names = self.name_states(&seen).await?;
        let mut pending = self.remember(&names);
        if pending.len() == seen.len() {
            if names.iter().any(|(_, state)| *state == NameState::Absent) {
                known.forget(self.repository.name);
            }
            let discovery = self.ask(Vec::new(), expected).await?;
            return Ok(Discovery { pending: self.targets.clone(), ..discovery });
        }
        pending.extend(new);
        Ok(self.discovery(pending, MissingBlobs::default()))
    }

    /// Asks for the manifest under each of these names and for each blob, all at once.
    /// Where one name has the manifest, all blobs are there.
    async fn ask<'b>(
        &'b self,
        names: Vec<&'b Reference>,
        expected: bool,
    ) -> Result<Discovery<'b>, PushError> {
        let repository = &self.repository;
        let (assumed, asked) = self.unknown_blobs(expected);
        let mut missing = MissingBlobs { all: assumed.clone(), assumed };
        if asked.is_empty() && expected {
            return Ok(self.discovery(names, missing));
        }
        let names = self.name_states(&names);
        let blobs =
            try_join_bounded(asked.into_iter().map(|blob| repository.has_blob(blob)), usize::MAX);
        tokio::pin!(names, blobs);
        let failed = |source| repository.discovery_failed(source);
        let (names, blobs) = tokio::select! {
            biased;
            names = &mut names => {
                let names = names?;
                let done = has_manifest(&names);
                (names, if done { Vec::new() } else { blobs.await.map_err(failed)? })
            }
            blobs = &mut blobs => {
                let blobs = blobs.map_err(failed)?;
                (names.await?, blobs)
            }
        };
        repository.known.searched(repository.name);
        let pending = self.remember(&names);
        if has_manifest(&names) {
            return Ok(self.discovery(pending, MissingBlobs::default()));
        }
        let lacking = blobs.into_iter().filter(|(_, there)| !there);
        missing.all.extend(lacking.map(|(blob, _)| blob.descriptor.digest.clone()));
        Ok(self.discovery(pending, missing))
    }

    /// The blobs that may or may not be there: those that can be assumed missing, and
    /// those to ask for.
    ///
    /// A blob that is probably missing need not be asked for: opening its upload asks as
    /// well, or sending it again costs as little as the request.
    fn unknown_blobs(&self, expected: bool) -> (BTreeSet<Digest>, Vec<&Blob>) {
        let repository = &self.repository;
        let support = repository.known.upload_support();
        let unknown = repository.blobs.blobs.iter().filter(|blob| {
            let digest = &blob.descriptor.digest;
            !repository.known.has_blob(repository.name, digest) && !repository.expects(digest)
        });
        let (assumed, asked): (Vec<&Blob>, Vec<&Blob>) = unknown.partition(|blob| {
            let size = blob.descriptor.size;
            let mounts = expected && (support.mounts || size <= MAX_SMALL_BLOB_BYTES);
            mounts || (support.single_post == Some(true) && size <= MAX_SINGLE_POST_BYTES)
        });
        (assumed.into_iter().map(|blob| blob.descriptor.digest.clone()).collect(), asked)
    }

    /// Remembers which names stand for the manifest and returns the others.
    fn remember<'b>(&self, names: &[(&'b Reference, NameState)]) -> Vec<&'b Reference> {
        let mut pending = Vec::new();
        for (to, state) in names {
            match state {
                NameState::Same => {
                    self.repository.known.saw_manifest(to, &self.manifests.manifest.digest);
                }
                NameState::Other | NameState::Absent => pending.push(*to),
            }
        }
        pending
    }

    fn discovery<'b>(
        &'b self,
        pending: Vec<&'b Reference>,
        missing: MissingBlobs,
    ) -> Discovery<'b> {
        let MissingBlobs { all: missing, assumed } = missing;
        let blobs = &self.repository.blobs;
        // Blobs in flight are counted when they arrive.
        let there = |blob: &&Blob| {
            let digest = &blob.descriptor.digest;
            !missing.contains(digest) && !self.repository.expects(digest)
        };
        let mut reused = 0;
        for blob in blobs.blobs.iter().filter(there) {
            self.repository.saw_blob(&blob.descriptor.digest);
            blobs.count_reused(blob);
            reused += blob.descriptor.size;
        }
        Discovery { destination: self, pending, missing, assumed, reused }
    }

    /// What each of these names stands for, in the order of the targets.
    async fn name_states<'b>(
        &self,
        names: &[&'b Reference],
    ) -> Result<Vec<(&'b Reference, NameState)>, PushError> {
        let requests = names.iter().map(|to| self.name_state(to));
        let states = try_join_bounded(requests, usize::MAX).await;
        let mut states = states.map_err(|source| self.repository.discovery_failed(source))?;
        states.sort_by_key(|(to, _)| self.targets.iter().position(|it| it == to));
        Ok(states)
    }

    async fn name_state<'b>(
        &self,
        to: &'b Reference,
    ) -> Result<(&'b Reference, NameState), Failure> {
        let PushManifests { manifest, .. } = self.manifests;
        let TargetRepository { host, name, .. } = &self.repository;
        let tag = to.tag.as_deref().unwrap_or(manifest.digest.as_str());
        let url = host.address.url(&format!("{name}/manifests/{tag}"));
        let request = Request::new(Method::HEAD, url, self.repository.scope())
            .header("accept", &manifest.media_type);
        let response = host.send(&request).await?;
        let same = wire::digest_header(&response).is_some_and(|it| it == manifest.digest);
        let state = match exists(response).await? {
            true if same => NameState::Same,
            true => NameState::Other,
            false => NameState::Absent,
        };
        Ok((to, state))
    }
}

fn has_manifest(names: &[(&Reference, NameState)]) -> bool {
    names.iter().any(|(_, state)| *state == NameState::Same)
}
