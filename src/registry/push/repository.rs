//! One repository that blobs go to.

use super::Blob;
use super::memory::Known;
use crate::registry::Parts;
use crate::registry::error::Failure;
use crate::registry::progress::Tally;
use crate::registry::wire::{self, Host, Request, Scope};
use reqwest::Method;

/// What is to be brought, shared by all who bring it.
pub(super) struct Cargo {
    /// Each digest once, the largest first.
    pub(super) blobs: Vec<Blob>,
    /// Bytes that are there, over all registries.
    pub(super) tally: Tally,
}

/// One repository that blobs go to.
pub(super) struct Repository<'a> {
    pub(super) host: &'a Host,
    pub(super) name: &'a str,
    pub(super) cargo: &'a Cargo,
    pub(super) known: &'a Known,
    pub(super) parts: Parts,
}

impl Repository<'_> {
    /// `host/repository`.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.host.address.name, self.name)
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::push(self.name)
    }

    /// Whether the registry has a blob.
    pub(super) async fn has_blob<'b>(&self, blob: &'b Blob) -> Result<(&'b Blob, bool), Failure> {
        let path = format!("{}/blobs/{}", self.name, blob.descriptor.digest);
        let request = Request::new(Method::HEAD, self.host.address.url(&path), self.scope());
        let response = self.host.send(&request).await?;
        Ok((blob, there(response).await?))
    }
}

/// Whether a HEAD found something. A registry that refuses the question may
/// still take the answer.
pub(super) async fn there(response: reqwest::Response) -> Result<bool, Failure> {
    match response.status().as_u16() {
        200..=299 => Ok(true),
        400 | 403..=405 => Ok(false),
        _ => Err(wire::refused("HEAD", response).await.into()),
    }
}
