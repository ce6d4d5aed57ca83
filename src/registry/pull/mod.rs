//! Pulls and lists: what a reference means, its blobs as files, the tags and
//! repositories of a registry.

mod blob;
mod list;
mod manifests;

pub(super) use list::{next_target, pages};

use super::client::Client;
use super::error::{Failure, PullError};
use super::manifest::ManifestContent;
use super::push::settle;
use crate::oci::Digest;
use crate::oci::Reference;
use crate::oci::{Descriptor, Platform};
use crate::progress::{Counter, Progress, Tally};
use blob::{Fetch, Fetched};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::Path;

/// How many blobs come at a time.
const AT_ONCE: usize = 6;
/// How deep an index may refer to others.
const DEPTH: u32 = 3;

/// What a reference means.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The manifest.
    pub descriptor: Descriptor,
    /// What it is, as `descriptor` has it.
    pub media_type: String,
    /// Its text.
    pub bytes: Bytes,
}

/// An image that was pulled: all its blobs are files.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The manifest of the one platform.
    pub manifest: Descriptor,
    /// Its text.
    pub manifest_bytes: Bytes,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// Bytes that came.
    pub bytes_received: u64,
    /// Bytes that were there already.
    pub bytes_reused: u64,
}

impl Client {
    /// Finds out what a reference means: of an index, the image for `platform`,
    /// or the index itself where no platform is given.
    pub async fn resolve(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> Result<Resolved, PullError> {
        self.find(reference, platform).await.map(|(resolved, _)| resolved)
    }

    async fn find(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> Result<(Resolved, ManifestContent), PullError> {
        let mut wanted = reference.clone();
        for _ in 0..DEPTH {
            let (resolved, manifest) = self.fetch_manifest(reference, &wanted).await?;
            let (Some(platform), ManifestContent::Index(entries)) = (platform, &manifest) else {
                return Ok((resolved, manifest));
            };
            let chosen = choose(entries, platform).ok_or_else(|| PullError::Platform {
                reference: reference.clone(),
                wanted: platform.to_string(),
                found: platforms(entries),
            })?;
            wanted = reference.with_digest(chosen.digest.clone());
        }
        let reason = format!("an index refers to an index, {DEPTH} times over");
        Err(PullError::Manifest { reference: reference.clone(), source: Failure::Nonsense(reason) })
    }

    async fn fetch_manifest(
        &self,
        reference: &Reference,
        wanted: &Reference,
    ) -> Result<(Resolved, ManifestContent), PullError> {
        let failed = |source: Failure| {
            let reference = reference.clone();
            match source.status() {
                Some(404) => PullError::NotFound { reference, source },
                Some(_) | None => PullError::Manifest { reference, source },
            }
        };
        let (said, bytes) = self.manifest_bytes(wanted).await.map_err(failed)?;
        let digest = match &wanted.digest {
            Some(expected) => {
                check(expected, &bytes).map_err(failed)?;
                expected.clone()
            }
            None => Digest::of(&bytes),
        };
        let (media_type, manifest) = ManifestContent::parse(&said, &bytes)
            .map_err(|reason| failed(Failure::Nonsense(reason)))?;
        let descriptor = Descriptor::new(&media_type, digest, bytes.len() as u64);
        Ok((Resolved { descriptor, media_type, bytes }, manifest))
    }

    /// Pulls the image for a platform into a folder of blobs as an OCI layout
    /// has one: `blobs/sha256/…` in `folder`. What is there is not fetched, and
    /// `progress` is told of nothing but what is.
    pub async fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        folder: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pulled, PullError> {
        let (resolved, manifest) = self.find(reference, Some(platform)).await?;
        let failed = |source| PullError::Manifest { reference: reference.clone(), source };
        let ManifestContent::Image { config, layers } = manifest else {
            return Err(failed(Failure::Nonsense("an index where an image was".to_owned())));
        };
        let mut seen = BTreeSet::new();
        let blobs = layers.iter().chain([&*config]).filter(|it| seen.insert(&it.digest));
        let fetched = self.fetch_blobs(reference, blobs.collect(), folder, progress).await?;
        blob::keep(folder, &resolved.descriptor.digest, &resolved.bytes).await.map_err(failed)?;
        let sum =
            |came: bool| fetched.iter().filter(|it| it.came == came).map(|it| it.size).sum::<u64>();
        let (bytes_received, bytes_reused) = (sum(true), sum(false));
        Ok(Pulled {
            manifest: resolved.descriptor,
            manifest_bytes: resolved.bytes,
            config: *config,
            layers,
            bytes_received,
            bytes_reused,
        })
    }

    async fn fetch_blobs(
        &self,
        reference: &Reference,
        blobs: Vec<&Descriptor>,
        folder: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Vec<Fetched>, PullError> {
        let host = self.host(&reference.host).map_err(|source| {
            let reference = reference.clone();
            PullError::Manifest { reference, source }
        })?;
        let (tally, mut fetches) = (Tally::default(), Vec::new());
        for blob in blobs {
            let done = if blob::is_there(folder, blob).await {
                Counter::default()
            } else {
                tally.add(blob.digest.as_str(), blob.size)
            };
            fetches.push(Fetch {
                host: &host,
                repository: &reference.repository,
                folder,
                blob,
                done,
            });
        }
        let fetching = fetches.iter().map(|fetch| async {
            fetch.run().await.map_err(|source| {
                let (reference, digest) = (reference.clone(), fetch.blob.digest.clone());
                PullError::Blob { reference, digest, source }
            })
        });
        tally.while_doing(settle(fetching, AT_ONCE), progress).await
    }
}

/// Whether bytes are what a digest names.
fn check(expected: &Digest, bytes: &[u8]) -> Result<(), Failure> {
    if expected.algorithm() != "sha256" {
        return Err(Failure::Nonsense(format!("{expected} is of a kind that is not checked here")));
    }
    let found = Digest::of(bytes);
    if found == *expected {
        return Ok(());
    }
    Err(Failure::Digest { expected: expected.clone(), found })
}

/// The image for a platform. An index of one image without a platform means
/// that one.
fn choose<'a>(entries: &'a [Descriptor], platform: &Platform) -> Option<&'a Descriptor> {
    let takes =
        |entry: &&Descriptor| entry.platform.as_ref().is_some_and(|other| platform.takes(other));
    match entries {
        [only] if only.platform.is_none() => Some(only),
        _ => entries.iter().find(takes),
    }
}

fn platforms(entries: &[Descriptor]) -> String {
    let known: BTreeSet<String> = entries
        .iter()
        .filter_map(|entry| entry.platform.as_ref())
        .map(Platform::to_string)
        // What build tools say of their attestations.
        .filter(|platform| platform != "unknown/unknown")
        .collect();
    if known.is_empty() {
        return "platforms that it does not name".to_owned();
    }
    known.into_iter().collect::<Vec<_>>().join(", ")
}
