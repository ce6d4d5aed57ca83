//! Puts the manifests of a push under their names, and uploads what the registry turns
//! out to lack.

use super::content::{Blob, PushManifest, Transferred};
use super::destination::{Destination, Discovery};
use super::upload::Upload;
use crate::http;
use crate::oci::{Digest, Reference};
use crate::registry::error::{Failure, PushError};
use crate::registry::manifest::MAX_MANIFEST_BYTES;
use crate::registry::manifest_requests::manifest_request;
use crate::registry::try_join_bounded::try_join_bounded;
use crate::registry::wire::{self, Payload, Request, Scope};
use reqwest::Method;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Blobs that had to be uploaded although they were counted as there, each digest once.
pub type Supplied = BTreeMap<Digest, Transferred>;

/// The response to a manifest.
enum PutOutcome {
    Accepted,
    /// The registry lacks blobs.
    Lacking {
        error: Box<http::Error>,
        /// The digests that the error names, if any.
        named: Vec<Digest>,
    },
}

impl Destination<'_> {
    /// Puts what the manifest lists by digest, then the manifest under all names at
    /// once.
    pub async fn put_manifests(&self, targets: &[&Reference]) -> Result<Supplied, PushError> {
        let mut supplied = Supplied::new();
        let Some(first) = targets.first() else { return Ok(supplied) };
        for group in &self.manifests.children {
            let put = group.iter().map(|child| async {
                self.put_manifest(child, &first.with_digest(child.digest.clone())).await
            });
            supplied.extend(try_join_bounded(put, usize::MAX).await?.into_iter().flatten());
        }
        let put = targets.iter().map(|target| self.put_manifest(&self.manifests.manifest, target));
        supplied.extend(try_join_bounded(put, usize::MAX).await?.into_iter().flatten());
        Ok(supplied)
    }

    async fn put_manifest(
        &self,
        manifest: &PushManifest,
        to: &Reference,
    ) -> Result<Supplied, PushError> {
        let failed = |source| PushError::Manifest { reference: to.clone(), source };
        let named = match self.try_put(manifest, to).await.map_err(failed)? {
            PutOutcome::Accepted => return Ok(Supplied::new()),
            PutOutcome::Lacking { named, .. } => named,
        };
        let mut supplied = self.supply(&named).await?;
        if let PutOutcome::Accepted = self.try_put(manifest, to).await.map_err(failed)? {
            return Ok(supplied);
        }
        // The registry named only some of the blobs that it lacks.
        supplied.extend(self.supply(&[]).await?);
        match self.try_put(manifest, to).await.map_err(failed)? {
            PutOutcome::Accepted => Ok(supplied),
            PutOutcome::Lacking { error, .. } => Err(failed(Failure::Http(error))),
        }
    }

    async fn try_put(
        &self,
        manifest: &PushManifest,
        to: &Reference,
    ) -> Result<PutOutcome, Failure> {
        let repository = &self.repository;
        let name = to.tag.as_deref().unwrap_or(manifest.digest.as_str());
        let url = repository.host.address.url(&format!("{}/manifests/{name}", repository.name));
        let request = Request::new(Method::PUT, url, repository.scope())
            .header("content-type", &manifest.media_type)
            .payload(Payload::Bytes(manifest.bytes.clone()));
        let response = repository.host.send(&request).await?;
        if response.status().is_success() {
            wire::verify_digest(&response, &manifest.digest)?;
            let is_confirmed = wire::digest_header(&response).is_some();
            // A proxy or a login page may answer in the place of the registry.
            if !is_confirmed && !self.holds(manifest, to).await? {
                return Err(Failure::NotStored { status: response.status().as_u16() });
            }
            repository.known.saw_manifest(to, &manifest.digest);
            return Ok(PutOutcome::Accepted);
        }
        let (error, named) = wire::refused_with_digests("PUT", response).await;
        if matches!(error.status(), Some(400 | 404)) && error.to_string().contains("BLOB_UNKNOWN") {
            return Ok(PutOutcome::Lacking { error: Box::new(error), named });
        }
        Err(error.into())
    }

    /// Whether the registry returns the manifest under a name.
    async fn holds(&self, manifest: &PushManifest, to: &Reference) -> Result<bool, Failure> {
        let repository = &self.repository;
        let request =
            manifest_request(Method::GET, repository.host, to, Scope::push(repository.name));
        let response = repository.host.send(&request).await?;
        if !response.status().is_success() {
            return Ok(false);
        }
        let bytes = http::body("GET", response, MAX_MANIFEST_BYTES).await?;
        Ok(Digest::of(&bytes) == manifest.digest)
    }

    /// Uploads blobs that the registry lacks although they were counted as there: those
    /// that it names, else those that it does not find.
    async fn supply(&self, named: &[Digest]) -> Result<Supplied, PushError> {
        let repository = &self.repository;
        repository.known.forget(repository.name);
        let find = |digest| repository.blobs.find(digest);
        let mut lacking: Vec<&Blob> = named.iter().filter_map(find).collect();
        if lacking.is_empty() {
            let requests = repository.blobs.blobs.iter().map(|blob| repository.has_blob(blob));
            let found = try_join_bounded(requests, usize::MAX).await;
            let found = found.map_err(|error| repository.discovery_failed(error))?;
            lacking = found.into_iter().filter(|(_, there)| !there).map(|(blob, _)| blob).collect();
        }
        let uploads = lacking.into_iter().map(|blob| async move {
            // Takes back that it was counted as there, at most once for several names.
            let size = blob.descriptor.size;
            let less = |done: u64| Some(done.saturating_sub(size));
            let done = repository.blobs.counter(blob);
            done.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
            let upload = Upload { repository, blob, from: blob.mountable(repository.host) };
            Ok((blob.descriptor.digest.clone(), upload.run().await?))
        });
        Ok(try_join_bounded(uploads, usize::MAX).await?.into_iter().collect())
    }
}

impl Discovery<'_> {
    /// The bytes that were there, without those that had to be supplied all the same.
    pub fn reused_except(&self, supplied: Supplied) -> Transferred {
        let mut transferred = Transferred::reused(self.reused);
        let repository = &self.destination.repository;
        for (digest, supply) in supplied {
            if !self.missing.contains(&digest) && !repository.expects(&digest) {
                let counted = supply.sent + supply.reused;
                transferred.reused = transferred.reused.saturating_sub(counted);
                transferred.add(supply);
            }
        }
        transferred
    }
}
