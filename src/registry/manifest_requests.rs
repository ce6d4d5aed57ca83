//! Single manifests: read, looked up, deleted.

use super::client::Client;
use super::error::{Failure, PullError};
use super::manifest::MAX_MANIFEST_BYTES;
use super::wire::{self, Host, Request, Scope};
use crate::http;
use crate::oci::{Descriptor, Digest, Reference, media_type};
use bytes::Bytes;
use reqwest::Method;

/// A manifest as the registry sends it. Nothing in it is verified.
pub struct RawManifest {
    /// The `Content-Type`, without parameters; empty without one.
    pub media_type: String,
    /// `Docker-Content-Digest`.
    pub digest: Option<Digest>,
    pub bytes: Bytes,
}

impl Client {
    /// Describes a manifest without fetching it. `None` where there is no such
    /// manifest.
    pub async fn head_manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<Descriptor>, PullError> {
        let failed = |source| PullError::Manifest { reference: reference.clone(), source };
        let host = self.host(&reference.host).map_err(failed)?;
        let scope = Scope::pull(&reference.repository);
        let request = manifest_request(Method::HEAD, &host, reference, scope);
        let response = host.send(&request).await.map_err(failed)?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            // Some registries do not support HEAD.
            403 | 405 => {
                return match self.resolve(reference, None).await {
                    Ok(resolved) => Ok(Some(resolved.descriptor)),
                    Err(PullError::NotFound { .. }) => Ok(None),
                    Err(error) => Err(error),
                };
            }
            _ => return Err(failed(wire::refused("HEAD", response).await.into())),
        }
        let media_type = wire::header(&response, "content-type").unwrap_or_default().to_owned();
        match (wire::digest_header(&response), wire::length_header(&response)) {
            (Some(digest), Some(size)) => Ok(Some(Descriptor::new(&media_type, digest, size))),
            (_, _) => self.resolve(reference, None).await.map(|it| Some(it.descriptor)),
        }
    }

    /// Deletes a manifest, by tag or by digest. Succeeds where there is no such
    /// manifest.
    pub async fn delete_manifest(&self, reference: &Reference) -> Result<(), PullError> {
        let failed = |source| PullError::Delete { reference: reference.clone(), source };
        let host = self.host(&reference.host).map_err(failed)?;
        let path = format!("{}/manifests/{}", reference.repository, reference.manifest_name());
        let scope = Scope::of(&reference.repository, "pull,delete");
        let request = Request::new(Method::DELETE, host.address.url(&path), scope);
        let response = host.send(&request).await.map_err(failed)?;
        match response.status().as_u16() {
            200..=204 | 404 => Ok(()),
            _ => Err(failed(wire::refused("DELETE", response).await.into())),
        }
    }

    /// Fetches a manifest.
    pub async fn raw_manifest(&self, reference: &Reference) -> Result<RawManifest, Failure> {
        let host = self.host(&reference.host)?;
        let scope = Scope::pull(&reference.repository);
        let request = manifest_request(Method::GET, &host, reference, scope);
        let response = host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        let media_type = wire::header(&response, "content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let digest = wire::digest_header(&response);
        let bytes = http::body("GET", response, MAX_MANIFEST_BYTES).await?;
        Ok(RawManifest { media_type, digest, bytes })
    }
}

/// A request for a manifest of any kind that this program understands.
pub fn manifest_request(
    method: Method,
    host: &Host,
    reference: &Reference,
    scope: Scope,
) -> Request {
    let path = format!("{}/manifests/{}", reference.repository, reference.manifest_name());
    Request::new(method, host.address.url(&path), scope)
        .header("accept", &media_type::MANIFESTS.join(", "))
}
