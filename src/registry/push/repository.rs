//! One repository that blobs are uploaded to.

use super::content::{Blob, PushBlobs};
use super::in_flight::InFlight;
use crate::oci::Digest;
use crate::registry::error::{Failure, PushError};
use crate::registry::memory::{KnownRegistry, UploadKey, UploadRecord};
use crate::registry::settings::UploadParts;
use crate::registry::wire::{self, Host, Request, Scope};
use reqwest::Method;

/// One repository that blobs are uploaded to.
pub struct TargetRepository<'a> {
    pub host: &'a Host,
    pub name: &'a str,
    pub blobs: &'a PushBlobs,
    pub known: &'a KnownRegistry,
    pub parts: UploadParts,
    pub in_flight: &'a InFlight,
}

impl TargetRepository<'_> {
    /// `host/repository`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.host.address.name, self.name)
    }

    pub fn scope(&self) -> Scope {
        Scope::push(self.name)
    }

    /// Identifies the upload of a blob to here.
    pub fn upload_key<'k>(&'k self, digest: &'k Digest) -> UploadKey<'k> {
        UploadKey { address: &self.host.address, repository: self.name, digest }
    }

    /// Remembers that a blob is here, so that no upload of it is continued.
    pub fn saw_blob(&self, digest: &Digest) {
        self.known.saw_blob(self.name, digest);
        if let Some(folder) = self.known.uploads() {
            UploadRecord::forget(&folder, self.upload_key(digest));
        }
    }

    /// Whether an early upload brings a blob here.
    pub fn expects(&self, digest: &Digest) -> bool {
        self.in_flight.includes(&self.host.address.name, self.name, digest)
    }

    /// The error of a request that asks what the repository has.
    pub fn discovery_failed(&self, source: Failure) -> PushError {
        PushError::Discover { name: self.full_name(), source }
    }

    /// Whether the registry has a blob. Returned with the blob, for several requests
    /// at once.
    pub async fn has_blob<'b>(&self, blob: &'b Blob) -> Result<(&'b Blob, bool), Failure> {
        let path = format!("{}/blobs/{}", self.name, blob.descriptor.digest);
        let request = Request::new(Method::HEAD, self.host.address.url(&path), self.scope());
        let response = self.host.send(&request).await?;
        Ok((blob, exists(response).await?))
    }
}

/// Whether a HEAD found something. A registry that refuses the request may still
/// accept an upload.
pub async fn exists(response: reqwest::Response) -> Result<bool, Failure> {
    match response.status().as_u16() {
        200..=299 => Ok(true),
        400 | 403..=405 => Ok(false),
        _ => Err(wire::refused("HEAD", response).await.into()),
    }
}
