//! Manifests without layers: what an image or an index consists of.

use super::blob;
use super::image::{MAX_CONCURRENT_FETCHES, MAX_INDEX_DEPTH, verify};
use crate::oci::{Descriptor, Digest, Platform, Reference};
use crate::progress::Counter;
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::manifest::ManifestContent;
use crate::registry::push::{Blob, BlobSource};
use crate::registry::remote_blob::RemoteBlob;
use crate::registry::try_join_bounded::try_join_bounded;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Larger configurations are not fetched before they are needed, in bytes: an artifact
/// may have anything there.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

impl Client {
    /// Fetches a manifest and all manifests below it into a folder of blobs, without
    /// layers: of an index, the image for `platform`, or everything that it lists where
    /// no platform is given. The configuration of a single image is fetched too.
    pub async fn pull_manifests(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        folder: &Path,
    ) -> Result<Descriptor, PullError> {
        let (resolved, manifest) = self.find(reference, platform).await?;
        match &manifest {
            ManifestContent::Image { config, .. } => {
                self.pull_config(reference, config, folder).await?;
            }
            ManifestContent::Index(entries) => self.pull_below(reference, entries, folder).await?,
        }
        let failed = |source| PullError::Manifest { reference: reference.clone(), source };
        // The root last: if it is there, so are the others.
        blob::write(folder, &resolved.descriptor.digest, &resolved.bytes).await.map_err(failed)?;
        Ok(resolved.descriptor)
    }

    async fn pull_config(
        &self,
        reference: &Reference,
        config: &Descriptor,
        folder: &Path,
    ) -> Result<(), PullError> {
        if config.size > MAX_CONFIG_BYTES {
            return Ok(());
        }
        let failed = |source| {
            let (reference, digest) = (reference.clone(), config.digest.clone());
            PullError::Blob { reference, digest, source }
        };
        let host = self.host(&reference.host).map_err(failed)?;
        let repository = &reference.repository;
        let fetch = blob::BlobDownload {
            host: &host,
            repository,
            folder,
            blob: config,
            done: Counter::default(),
        };
        fetch.run().await.map(drop).map_err(failed)
    }

    /// Fetches what an index lists, level by level.
    async fn pull_below(
        &self,
        reference: &Reference,
        entries: &[Descriptor],
        folder: &Path,
    ) -> Result<(), PullError> {
        let mut seen = BTreeSet::new();
        let mut level: Vec<Digest> = entries.iter().map(|entry| entry.digest.clone()).collect();
        for _ in 0..MAX_INDEX_DEPTH {
            level.retain(|digest| seen.insert(digest.clone()));
            if level.is_empty() {
                return Ok(());
            }
            let fetched = level.iter().map(|digest| async {
                let below = reference.with_digest(digest.clone());
                self.pull_one(&below, digest, folder).await
            });
            level = try_join_bounded(fetched, MAX_CONCURRENT_FETCHES)
                .await?
                .into_iter()
                .flatten()
                .collect();
        }
        let reason = format!("an index refers to an index, {MAX_INDEX_DEPTH} times over");
        Err(PullError::Manifest {
            reference: reference.clone(),
            source: Failure::Unexpected(reason),
        })
    }

    /// Fetches one manifest. Returns the digests of what it lists, if it is an index.
    async fn pull_one(
        &self,
        reference: &Reference,
        digest: &Digest,
        folder: &Path,
    ) -> Result<Vec<Digest>, PullError> {
        let failed = |source: Failure| {
            let reference = reference.clone();
            match source.status() {
                Some(404) => PullError::NotFound { reference, source },
                Some(_) | None => PullError::Manifest { reference, source },
            }
        };
        let (media_type, bytes) = if let Some(bytes) = blob::read(folder, digest).await {
            (String::new(), Bytes::from(bytes))
        } else {
            let raw = self.raw_manifest(reference).await.map_err(failed)?;
            verify(digest, &raw.bytes).map_err(failed)?;
            blob::write(folder, digest, &raw.bytes).await.map_err(failed)?;
            (raw.media_type, raw.bytes)
        };
        // What is neither image nor index is kept without looking into it.
        match ManifestContent::parse(&media_type, &bytes) {
            Ok((_, ManifestContent::Index(entries))) => {
                Ok(entries.into_iter().map(|entry| entry.digest).collect())
            }
            Ok((_, ManifestContent::Image { .. })) | Err(_) => Ok(Vec::new()),
        }
    }

    /// A blob of a repository, to be pushed elsewhere without being stored. Where it
    /// cannot be mounted, the local copy is read, if there is one. Sends no request.
    pub fn blob_in(
        &self,
        from: &Reference,
        blob: &Descriptor,
        copy: Option<PathBuf>,
    ) -> Result<Blob, Failure> {
        let host = self.host(&from.host)?;
        let remote = RemoteBlob::new(host, &from.repository, blob.clone(), copy);
        Ok(Blob { descriptor: blob.clone(), source: BlobSource::Remote(remote) })
    }
}
