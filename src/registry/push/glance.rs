//! What names stand for, asked before the image is built.

use super::settle::settle;
use crate::oci::{Reference, media_type};
use crate::registry::client::Client;
use crate::registry::error::Failure;
use crate::registry::wire::{self, Request, Scope};
use reqwest::Method;

impl Client {
    /// Asks what these names stand for, all at once, where all of them were
    /// pushed before. Whether each of them was there, and our login was needed to
    /// see it, if we have one.
    pub(in crate::registry) async fn knows(&self, names: &[Reference]) -> Result<bool, Failure> {
        let pushed = |name: &Reference| self.memory().of(&name.host).has_name(name);
        if names.is_empty() || !names.iter().all(pushed) {
            return Ok(false);
        }
        let there = settle(names.iter().map(|name| self.glance(name)), usize::MAX).await?;
        if there.contains(&false) {
            return Ok(false);
        }
        for name in names {
            if !self.host(&name.host)?.session.is_shown(&name.repository).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn glance(&self, name: &Reference) -> Result<bool, Failure> {
        let host = self.host(&name.host)?;
        let path = format!("{}/manifests/{}", name.repository, name.manifest_name());
        let scope = Scope::push(&name.repository);
        let request = Request::new(Method::HEAD, host.address.url(&path), scope);
        let response =
            host.send(&request.header("accept", &media_type::MANIFESTS.join(", "))).await?;
        let there = response.status() == 200;
        if let Some(digest) = wire::digest_of(&response).filter(|_| there) {
            self.memory().of(&name.host).glanced(name, digest);
        }
        Ok(there)
    }
}
