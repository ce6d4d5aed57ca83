//! Checks a login and its permissions before anything depends on them.

use super::client::Client;
use super::error::Failure;
use super::manifest_requests::manifest_request;
use super::try_join_bounded::try_join_bounded;
use super::wire::{self, Host, Request, Scope};
use crate::oci::Reference;
use futures::future::OptionFuture;
use reqwest::Method;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long to wait for connections that are about to open.
const MAX_WARMING: Duration = Duration::from_millis(20);

impl Client {
    /// Signs in and checks, as far as the registry tells beforehand, whether `action`
    /// (`pull`, `push`) is permitted. Changes nothing.
    pub async fn check_login(
        &self,
        host: &str,
        repository: &str,
        action: &str,
    ) -> Result<(), Failure> {
        let host = self.host(host)?;
        let scope =
            if action == "pull" { Scope::pull(repository) } else { Scope::push(repository) };
        let request = Request::new(Method::GET, host.address.url(""), scope.clone());
        let response = host.send(&request).await?;
        // A registry that is open to this request may still refuse a change: that only
        // shows when the change is made.
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        wire::drain("GET", response).await;
        check_permission(&host, &scope, action).await
    }

    /// Does the same for a push under these names of one repository.
    ///
    /// Where all of them were pushed before, it requests what they stand for now,
    /// which signs in as well: a push that follows at once need not ask again.
    pub async fn check_push(
        &self,
        host: &str,
        repository: &str,
        names: &[Reference],
    ) -> Result<(), Failure> {
        if self.remember_current(names).await? {
            return check_permission(&*self.host(host)?, &Scope::push(repository), "push").await;
        }
        let warmed = OptionFuture::from(self.warm(host, repository)?);
        self.check_login(host, repository, "push").await?;
        // They are usually open once the login is done, and each saves a round trip.
        tokio::time::timeout(MAX_WARMING, warmed).await.ok();
        Ok(())
    }

    /// Opens the connections that blobs will use, in the background.
    fn warm(&self, host: &str, repository: &str) -> Result<Option<JoinHandle<()>>, Failure> {
        let (host, scope) = (self.host(host)?, Scope::push(repository));
        let first = host.claim_warming();
        Ok(first.then(|| tokio::spawn(async move { host.warm(&scope).await })))
    }

    /// Requests what these names stand for and remembers it, where all of them were
    /// pushed before. Whether each of them was found, by requests that prove our login.
    async fn remember_current(&self, names: &[Reference]) -> Result<bool, Failure> {
        let pushed = |name: &Reference| self.memory().of(&name.host).has_name(name);
        if names.is_empty() || !names.iter().all(pushed) {
            return Ok(false);
        }
        let requests = names.iter().map(|name| self.remember_one(name));
        if try_join_bounded(requests, usize::MAX).await?.contains(&false) {
            return Ok(false);
        }
        for name in names {
            if !self.host(&name.host)?.login.is_proven(&name.repository).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn remember_one(&self, name: &Reference) -> Result<bool, Failure> {
        let host = self.host(&name.host)?;
        let scope = Scope::push(&name.repository);
        let response = host.send(&manifest_request(Method::HEAD, &host, name, scope)).await?;
        let found = response.status() == 200;
        if let Some(digest) = wire::digest_header(&response).filter(|_| found) {
            self.memory().of(&name.host).saw_current(name, digest);
        }
        Ok(found)
    }
}

/// Fails where the token for a scope does not permit an action.
async fn check_permission(host: &Host, scope: &Scope, action: &str) -> Result<(), Failure> {
    match host.login.permits(scope, action).await? {
        Some(false) => Err(host.login.not_permitted(&scope.repository, action).await?.into()),
        Some(true) | None => Ok(()),
    }
}
