//! One repository that blobs go to.

use super::ahead::Arriving;
use super::memory::Known;
use super::settle::settle;
use super::upload::Upload;
use super::{Blob, Moved};
use crate::oci::{Descriptor, Digest};
use crate::progress::{Counter, Tally};
use crate::registry::Parts;
use crate::registry::error::{Failure, PushError};
use crate::registry::wire::{self, Host, Request, Scope};
use reqwest::Method;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// What is to be brought, shared by all who bring it.
pub(super) struct Cargo {
    /// Each digest once, the largest first.
    pub(super) blobs: Vec<Blob>,
    /// Bytes that are there, over all registries.
    pub(super) tally: Tally,
}

/// Counts blobs that go to so many places; those that are on their way already
/// where that was begun.
pub(super) fn tally(blobs: &[Blob], places: u64, begun: &BTreeMap<Digest, Counter>) -> Tally {
    let tally = Tally::default();
    for Blob { descriptor: Descriptor { digest, size, .. }, .. } in blobs {
        let done = begun.get(digest).cloned().unwrap_or_default();
        tally.add_begun(digest.as_str(), size.saturating_mul(places), done);
    }
    tally
}

/// One repository that blobs go to.
pub(super) struct Repository<'a> {
    pub(super) host: &'a Host,
    pub(super) name: &'a str,
    pub(super) cargo: &'a Cargo,
    pub(super) known: &'a Known,
    pub(super) parts: Parts,
    pub(super) arriving: &'a Arriving,
}

impl Repository<'_> {
    /// `host/repository`.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.host.address.name, self.name)
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::push(self.name)
    }

    /// Whether a blob is on its way already.
    pub(super) fn expects(&self, digest: &Digest) -> bool {
        self.arriving.expects(&self.host.address.name, self.name, digest)
    }

    /// Brings a blob there, where it is not.
    pub(super) async fn bring(&self, blob: &Blob) -> Result<Moved, PushError> {
        let Descriptor { digest, size, .. } = &blob.descriptor;
        let failed = |source| PushError::Discover { name: self.full_name(), source };
        let known = self.known.has_blob(self.name, digest);
        if known || self.has_blob(blob).await.map_err(failed)?.1 {
            self.known.saw_blob(self.name, digest);
            self.cargo.tally.of(digest.as_str()).fetch_add(*size, Ordering::Relaxed);
            return Ok(Moved { sent: 0, reused: *size });
        }
        Upload { repository: self, blob, from: blob.mountable(self.host) }.run().await
    }

    /// Waits for what is on its way, and brings what of it did not get there.
    pub(super) async fn rest(&self) -> Result<Moved, PushError> {
        let arrived = self.arriving.arrived().await;
        let lacking = self.cargo.blobs.iter().filter(|blob| {
            let digest = &blob.descriptor.digest;
            self.expects(digest) && !arrived.is_at(&self.host.address.name, digest)
        });
        let brought = settle(lacking.map(|blob| self.bring(blob)), usize::MAX).await?;
        Ok(brought.into_iter().sum())
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
