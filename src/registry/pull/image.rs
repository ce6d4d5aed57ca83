//! Images: what a reference stands for, and its content as files.

use super::blob::{self, BlobDownload, DownloadedBlob};
use crate::oci::{Descriptor, Digest, Platform, Reference};
use crate::progress::{Counter, Progress, Tally};
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::manifest::ManifestContent;
use crate::registry::try_join_bounded::try_join_bounded;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::Path;

/// How many blobs or manifests are fetched at a time.
pub const MAX_CONCURRENT_FETCHES: usize = 6;
/// How deep indexes may be nested.
pub const MAX_INDEX_DEPTH: u32 = 3;

/// The manifest that a reference stands for.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub descriptor: Descriptor,
    pub media_type: String,
    pub bytes: Bytes,
}

/// A pulled image, all of whose blobs are files.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The manifest of the one platform.
    pub manifest: Descriptor,
    pub manifest_bytes: Bytes,
    pub config: Descriptor,
    /// The lowest first.
    pub layers: Vec<Descriptor>,
    /// Bytes of blobs that were fetched.
    pub bytes_received: u64,
    /// Bytes of blobs that were there already.
    pub bytes_reused: u64,
}

impl Client {
    /// Resolves a reference: of an index, to the image for `platform`, or to the index
    /// itself where no platform is given.
    pub async fn resolve(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> Result<Resolved, PullError> {
        self.find(reference, platform).await.map(|(resolved, _)| resolved)
    }

    pub(super) async fn find(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> Result<(Resolved, ManifestContent), PullError> {
        let mut wanted = reference.clone();
        for _ in 0..MAX_INDEX_DEPTH {
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
        let reason = format!("an index refers to an index, {MAX_INDEX_DEPTH} times over");
        Err(PullError::Manifest {
            reference: reference.clone(),
            source: Failure::Unexpected(reason),
        })
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
        let raw = self.raw_manifest(wanted).await.map_err(failed)?;
        let bytes = raw.bytes;
        let digest = match &wanted.digest {
            Some(expected) => {
                verify(expected, &bytes).map_err(failed)?;
                expected.clone()
            }
            None => Digest::of(&bytes),
        };
        let (media_type, manifest) = ManifestContent::parse(&raw.media_type, &bytes)
            .map_err(|reason| failed(Failure::Unexpected(reason)))?;
        let descriptor = Descriptor::new(&media_type, digest, bytes.len() as u64);
        Ok((Resolved { descriptor, media_type, bytes }, manifest))
    }

    /// Pulls the image for a platform into the blobs of an OCI layout,
    /// `blobs/sha256/…` in `folder`. Blobs that are there are not fetched, and not part
    /// of the progress.
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
            return Err(failed(Failure::Unexpected("an index where an image was".to_owned())));
        };
        let mut seen = BTreeSet::new();
        let blobs = layers.iter().chain([&*config]).filter(|it| seen.insert(&it.digest));
        let fetched = self.fetch_blobs(reference, blobs.collect(), folder, progress).await?;
        blob::write(folder, &resolved.descriptor.digest, &resolved.bytes).await.map_err(failed)?;
        let sum = |new: bool| {
            fetched.iter().filter(|it| it.fetched == new).map(|it| it.size).sum::<u64>()
        };
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
    ) -> Result<Vec<DownloadedBlob>, PullError> {
        let host = self.host(&reference.host).map_err(|source| {
            let reference = reference.clone();
            PullError::Manifest { reference, source }
        })?;
        let (tally, mut fetches) = (Tally::default(), Vec::new());
        for blob in blobs {
            let done = if blob::exists(folder, blob).await {
                Counter::default()
            } else {
                tally.add(blob.digest.as_str(), blob.size)
            };
            fetches.push(BlobDownload {
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
        tally.while_doing(try_join_bounded(fetching, MAX_CONCURRENT_FETCHES), progress).await
    }
}

/// Fails where bytes do not have their digest, or one that cannot be verified.
pub fn verify(expected: &Digest, bytes: &[u8]) -> Result<(), Failure> {
    if expected.algorithm() != "sha256" {
        return Err(Failure::Unexpected(format!(
            "{expected} is of a kind that cannot be verified"
        )));
    }
    let found = Digest::of(bytes);
    if found == *expected {
        return Ok(());
    }
    Err(Failure::Digest { expected: expected.clone(), found })
}

/// The image for a platform. If an index lists a single image without a platform, it is
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
        // The platform that build tools give to attestations.
        .filter(|platform| platform != "unknown/unknown")
        .collect();
    if known.is_empty() {
        return "platforms that it does not name".to_owned();
    }
    known.into_iter().collect::<Vec<_>>().join(", ")
}
