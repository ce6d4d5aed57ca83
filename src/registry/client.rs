//! The client: its registries, and the questions that need one request.

use super::error::{Failure, PullError};
use super::login::Session;
use super::manifest::MAX_MANIFEST_BYTES;
use super::push::Memory;
use super::referrers::Turns;
use super::settings::{Parts, Settings};
use super::wire::{self, Address, Host, Pauses, Request, Scope};
use crate::http;
use crate::oci::{Descriptor, Reference, media_type};
use crate::secret::Redactor;
use futures::future::OptionFuture;
use reqwest::Method;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What is waited for connections that are about to be open.
const MOMENT: Duration = Duration::from_millis(20);

/// A client of any number of registries. Cheap to clone: what one clone learns
/// (tokens, quirks, blobs that are there) the others know.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: http::Client,
    redactor: Redactor,
    settings: Settings,
    pauses: Pauses,
    hosts: Mutex<BTreeMap<String, Arc<Host>>>,
    memory: Memory,
    turns: Turns,
}

impl Client {
    /// A client, without any request.
    pub fn new(http: http::Client, redactor: Redactor, settings: Settings) -> Self {
        let pauses = Pauses::new(&settings.timing.pauses);
        let (hosts, memory) = (Mutex::default(), Memory::new(settings.memory.clone()));
        let turns = Turns::default();
        Self { inner: Arc::new(Inner { http, redactor, settings, pauses, hosts, memory, turns }) }
    }

    /// A registry, with all that is known of it.
    pub(super) fn host(&self, name: &str) -> Result<Arc<Host>, Failure> {
        let mut hosts = self.inner.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return Ok(host.clone());
        }
        let inner = &self.inner;
        let access = inner.settings.access(name);
        let address =
            Address::new(name, access.insecure).ok_or_else(|| Failure::Host(name.to_owned()))?;
        let shared = (inner.redactor.clone(), inner.pauses.clone());
        let session = Session::new(address, access.login, inner.http.clone(), shared);
        let patience = (inner.pauses.clone(), inner.settings.timing.clone());
        let host = Arc::new(Host::new(session, inner.http.clone(), patience));
        hosts.insert(name.to_owned(), host.clone());
        Ok(host)
    }

    /// What was learned of registries.
    pub(super) fn memory(&self) -> &Memory {
        &self.inner.memory
    }

    /// Whose turn it is to write a list of referrers.
    pub(super) fn turns(&self) -> &Turns {
        &self.inner.turns
    }

    /// How large blobs are cut.
    pub(super) fn parts(&self) -> Parts {
        self.inner.settings.parts
    }

    /// Signs in and finds out, as far as the registry says it beforehand,
    /// whether `action` (`pull`, `push`) is allowed. Changes nothing.
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
        // Where it is open to ask, whether it is open to change shows later.
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        // An answer that was not read to its end costs the connection, which is
        // to be warm for what comes next.
        drop(http::body("GET", response, 64 << 10).await);
        allowed(&host, &scope, (repository, action)).await
    }

    /// The same for a push under these names of one repository. Where all of
    /// them were pushed before, it asks what they stand for now, which signs in
    /// as well: a push of just that, right after, need not ask again.
    pub async fn check_push(
        &self,
        host: &str,
        repository: &str,
        names: &[Reference],
    ) -> Result<(), Failure> {
        if self.knows(names).await? {
            let scope = Scope::push(repository);
            return allowed(&*self.host(host)?, &scope, (repository, "push")).await;
        }
        let warmed = OptionFuture::from(self.warm(host, repository)?);
        self.check_login(host, repository, "push").await?;
        // They come with the login, and each saves a round trip.
        tokio::time::timeout(MOMENT, warmed).await.ok();
        Ok(())
    }

    /// Opens the connections that blobs are going to go over, beside what goes on.
    fn warm(&self, host: &str, repository: &str) -> Result<Option<JoinHandle<()>>, Failure> {
        let (host, scope) = (self.host(host)?, Scope::push(repository));
        let first = host.is_first_to_warm();
        Ok(first.then(|| tokio::spawn(async move { host.warm(&scope).await })))
    }

    /// What a manifest is, without fetching it; `None` when it is not there.
    pub async fn head_manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<Descriptor>, PullError> {
        let failed = |source| PullError::Manifest { reference: reference.clone(), source };
        let host = self.host(&reference.host).map_err(failed)?;
        let request = manifest_request(Method::HEAD, &host, reference);
        let response = host.send(&request).await.map_err(failed)?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            // There are registries that know no HEAD.
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
        match (wire::digest_of(&response), wire::length_of(&response)) {
            (Some(digest), Some(size)) => Ok(Some(Descriptor::new(&media_type, digest, size))),
            (_, _) => self.resolve(reference, None).await.map(|it| Some(it.descriptor)),
        }
    }

    /// Removes a manifest, by tag or by digest; without complaint when it is
    /// not there.
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

    /// The bytes of a manifest and what the registry says they are, unchecked.
    pub(super) async fn manifest_bytes(
        &self,
        reference: &Reference,
    ) -> Result<(String, bytes::Bytes), Failure> {
        let host = self.host(&reference.host)?;
        let request = manifest_request(Method::GET, &host, reference);
        let response = host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        let media_type = wire::header(&response, "content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let bytes = http::body("GET", response, MAX_MANIFEST_BYTES).await?;
        Ok((media_type, bytes))
    }
}

/// Whether the token that was got for a scope is for this action, where the
/// registry says so.
async fn allowed(
    host: &Host,
    scope: &Scope,
    (repository, action): (&str, &str),
) -> Result<(), Failure> {
    let session = &host.session;
    if let Some(granted) = session.granted(repository, &scope.words).await? {
        let allowed = granted.iter().any(|access| {
            access.kind == "repository"
                && access.name == repository
                && access.actions.iter().any(|granted| granted == action || granted == "*")
        });
        if !allowed {
            return Err(session.lacks(repository, action).await?.into());
        }
    }
    Ok(())
}

fn manifest_request(method: Method, host: &Host, reference: &Reference) -> Request {
    let path = format!("{}/manifests/{}", reference.repository, reference.manifest_name());
    let scope = Scope::pull(&reference.repository);
    Request::new(method, host.address.url(&path), scope)
        .header("accept", &media_type::MANIFESTS.join(", "))
}
