//! What names stand for, asked before the image is built.

use super::settle::settle;
use crate::registry::Reference;
use crate::registry::client::Client;
use crate::registry::error::Failure;
use crate::registry::manifest::ACCEPTED;
use crate::registry::wire::{self, Request, Scope};
use reqwest::Method;

impl Client {
    /// Asks what these names stand for, all at once, where all of them were
    /// pushed before. Whether each of them was answered.
    pub(in crate::registry) async fn knows(&self, names: &[Reference]) -> Result<bool, Failure> {
        let pushed = |name: &Reference| self.memory().of(&name.host).has_name(name);
        if names.is_empty() || !names.iter().all(pushed) {
            return Ok(false);
        }
        let asked = settle(names.iter().map(|name| self.glance(name)), usize::MAX).await?;
        Ok(asked.into_iter().all(|answered| answered))
    }

    async fn glance(&self, name: &Reference) -> Result<bool, Failure> {
        let host = self.host(&name.host)?;
        let path = format!("{}/manifests/{}", name.repository, name.manifest_name());
        let scope = Scope::push(&name.repository);
        let request = Request::new(Method::HEAD, host.address.url(&path), scope);
        let response = host.send(&request.header("accept", ACCEPTED)).await?;
        if let Some(digest) = wire::digest_of(&response).filter(|_| response.status() == 200) {
            self.memory().of(&name.host).glanced(name, digest);
        }
        Ok(matches!(response.status().as_u16(), 200 | 404))
    }
}
