//! Manifests and configurations, read whole because they are small.

use super::document::{Configured, Document};
use crate::http;
use crate::oci::{Descriptor, Digest, Reference};
use crate::registry::client::Client;
use crate::registry::error::{Failure, PullError};
use crate::registry::manifest::MANIFEST_LIMIT;
use crate::registry::wire::{self, Request, Scope};
use bytes::Bytes;
use reqwest::Method;

/// A manifest that was read.
pub(super) struct Fetched {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    /// `None` where it is none that is understood.
    pub(super) document: Option<Document>,
}

impl Client {
    /// What a name stands for; nothing where it is not there.
    pub(super) async fn document<'n>(
        &self,
        name: &'n Reference,
    ) -> Result<(&'n Reference, Option<Fetched>), PullError> {
        let failed = |source| PullError::Manifest { reference: name.clone(), source };
        match self.manifest_bytes(name).await {
            Ok((media_type, bytes)) => {
                let digest = match &name.digest {
                    Some(expected) => {
                        checked(expected, &bytes).map_err(failed)?;
                        expected.clone()
                    }
                    None => Digest::of(&bytes),
                };
                let document = Document::parse(&bytes);
                Ok((name, Some(Fetched { digest, media_type, document })))
            }
            Err(failure) if failure.status() == Some(404) => Ok((name, None)),
            Err(failure) => Err(failed(failure)),
        }
    }

    /// What a configuration says. One that is not there says nothing.
    pub(super) async fn configured(
        &self,
        place: &Reference,
        config: &Descriptor,
    ) -> Result<(Digest, Configured), PullError> {
        let read = match self.small_blob(place, config).await {
            Ok(bytes) => Configured::parse(&bytes),
            Err(failure) if failure.status() == Some(404) => Configured::parse(&[]),
            Err(source) => {
                let (reference, digest) = (place.clone(), config.digest.clone());
                return Err(PullError::Blob { reference, digest, source });
            }
        };
        Ok((config.digest.clone(), read))
    }

    /// A small blob as a whole, checked.
    async fn small_blob(&self, place: &Reference, blob: &Descriptor) -> Result<Bytes, Failure> {
        let host = self.host(&place.host)?;
        let path = format!("{}/blobs/{}", place.repository, blob.digest);
        let scope = Scope::pull(&place.repository);
        let request = Request::new(Method::GET, host.address.url(&path), scope);
        let response = host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        let bytes = http::body("GET", response, MANIFEST_LIMIT).await?;
        checked(&blob.digest, &bytes)?;
        Ok(bytes)
    }
}

/// Whether bytes are what a digest names. Of a kind that is not computed here
/// nothing is said: a list shows it and trusts it no further.
fn checked(expected: &Digest, bytes: &[u8]) -> Result<(), Failure> {
    if expected.algorithm() != "sha256" {
        return Ok(());
    }
    let found = Digest::of(bytes);
    if found == *expected {
        return Ok(());
    }
    Err(Failure::Digest { expected: expected.clone(), found })
}
