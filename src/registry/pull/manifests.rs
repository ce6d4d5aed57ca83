//! Manifests alone: what an image or an index is made of, without its layers.

use super::{AT_ONCE, DEPTH, blob, check};
use crate::oci::Digest;
use crate::oci::Reference;
use crate::oci::{Descriptor, Platform};
use crate::progress::Counter;
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::manifest::ManifestContent;
use crate::registry::push::{Blob, BlobSource, settle};
use crate::registry::wire::RemoteBlob;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Larger configurations are not fetched before they are needed: what is no
/// image may have anything there.
const CONFIG_LIMIT: u64 = 4 << 20;

impl Client {
    /// Fetches a manifest and all manifests below it into a folder of blobs, and
    /// no layer: of an index, the image for `platform`, or where none is given
    /// the whole of it, byte by byte, whatever is listed there. Of a single
    /// image the configuration comes too.
    pub async fn pull_manifests(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
        folder: &Path,
    ) -> Result<Descriptor, PullError> {
        let (resolved, manifest) = self.find(reference, platform).await?;
        match &manifest {
            ManifestContent::Image { config, .. } => {
                self.pull_config(reference, config, folder).await?
            }
            ManifestContent::Index(entries) => self.pull_below(reference, entries, folder).await?,
        }
        let failed = |source| PullError::Manifest { reference: reference.clone(), source };
        // The root last: where it is, the others are.
        blob::keep(folder, &resolved.descriptor.digest, &resolved.bytes).await.map_err(failed)?;
        Ok(resolved.descriptor)
    }

    async fn pull_config(
        &self,
        reference: &Reference,
        config: &Descriptor,
        folder: &Path,
    ) -> Result<(), PullError> {
        if config.size > CONFIG_LIMIT {
            return Ok(());
        }
        let failed = |source| {
            let (reference, digest) = (reference.clone(), config.digest.clone());
            PullError::Blob { reference, digest, source }
        };
        let host = self.host(&reference.host).map_err(failed)?;
        let repository = &reference.repository;
        let fetch =
            blob::Fetch { host: &host, repository, folder, blob: config, done: Counter::default() };
        fetch.run().await.map(drop).map_err(failed)
    }

    /// What an index lists, and what that lists, level by level.
    async fn pull_below(
        &self,
        reference: &Reference,
        entries: &[Descriptor],
        folder: &Path,
    ) -> Result<(), PullError> {
        let mut seen = BTreeSet::new();
        let mut level: Vec<Digest> = entries.iter().map(|entry| entry.digest.clone()).collect();
        for _ in 0..DEPTH {
            level.retain(|digest| seen.insert(digest.clone()));
            if level.is_empty() {
                return Ok(());
            }
            let fetched = level.iter().map(|digest| async {
                let below = reference.with_digest(digest.clone());
                self.pull_one(&below, digest, folder).await
            });
            level = settle(fetched, AT_ONCE).await?.into_iter().flatten().collect();
        }
        let reason = format!("an index refers to an index, {DEPTH} times over");
        Err(PullError::Manifest { reference: reference.clone(), source: Failure::Nonsense(reason) })
    }

    /// One manifest by digest; the digests of what it lists where it is an index.
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
        let (said, bytes) = if let Some(bytes) = blob::kept(folder, digest).await {
            (String::new(), Bytes::from(bytes))
        } else {
            let (said, bytes) = self.manifest_bytes(reference).await.map_err(failed)?;
            check(digest, &bytes).map_err(failed)?;
            blob::keep(folder, digest, &bytes).await.map_err(failed)?;
            (said, bytes)
        };
        // What is neither image nor index is carried along as it is.
        match ManifestContent::parse(&said, &bytes) {
            Ok((_, ManifestContent::Index(entries))) => {
                Ok(entries.into_iter().map(|entry| entry.digest).collect())
            }
            Ok((_, ManifestContent::Image { .. })) | Err(_) => Ok(Vec::new()),
        }
    }

    /// A blob of a repository, to be pushed elsewhere without being kept here.
    /// Where it must be sent, a copy that is here already is read instead of
    /// fetching it. Asks nothing.
    pub fn blob_in(
        &self,
        from: &Reference,
        blob: &Descriptor,
        copy: Option<PathBuf>,
    ) -> Result<Blob, Failure> {
        let host = self.host(&from.host)?;
        let remote = RemoteBlob::new((host, &from.repository), blob.clone(), copy);
        Ok(Blob { descriptor: blob.clone(), source: BlobSource::Remote(remote) })
    }
}
