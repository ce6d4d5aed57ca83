//! Blobs that are small enough for the memory.

use super::client::Client;
use super::error::{Failure, PullError};
use super::manifest::MAX_MANIFEST_BYTES;
use super::wire::{self, Request, Scope};
use crate::http;
use crate::oci::{Descriptor, Digest, Reference};
use bytes::Bytes;
use reqwest::Method;

impl Client {
    /// A blob of the repository of `place`, verified.
    pub(in crate::registry) async fn small_blob(
        &self,
        place: &Reference,
        blob: &Descriptor,
    ) -> Result<Bytes, Failure> {
        let bytes = self.unverified_blob(place, blob).await?;
        // Only SHA-256 is verified: a listing shows content under another algorithm, and
        // nothing else relies on it.
        let found = Digest::of(&bytes);
        if blob.digest.algorithm() != "sha256" || found == blob.digest {
            return Ok(bytes);
        }
        Err(Failure::Digest { expected: blob.digest.clone(), found })
    }

    /// What the registry has as a blob.
    pub(in crate::registry) async fn unverified_blob(
        &self,
        place: &Reference,
        blob: &Descriptor,
    ) -> Result<Bytes, Failure> {
        let host = self.host(&place.host)?;
        let path = format!("{}/blobs/{}", place.repository, blob.digest);
        let scope = Scope::pull(&place.repository);
        let request = Request::new(Method::GET, host.address.url(&path), scope);
        let response = host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        Ok(http::body("GET", response, MAX_MANIFEST_BYTES).await?)
    }

    /// The content of the only layer of an artifact, such as a statement.
    pub async fn small_layer(
        &self,
        place: &Reference,
        blob: &Descriptor,
    ) -> Result<Bytes, PullError> {
        let failed = |source| PullError::Blob {
            reference: place.clone(),
            digest: blob.digest.clone(),
            source,
        };
        if blob.digest.algorithm() != "sha256" {
            let reason = format!("{} is of a kind that cannot be verified", blob.digest);
            return Err(failed(Failure::Unexpected(reason)));
        }
        self.small_blob(place, blob).await.map_err(failed)
    }
}
