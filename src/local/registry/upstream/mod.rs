//! What a registry here does not have and one outside does: fetched when it is
//! asked for, checked, kept, and listed.
//!
//! Only GET goes outside, only for what the world allows, and without any
//! login. What is pushed to such a registry stays here. A blob is fetched only
//! if a manifest that came from there names it, so that looking for a blob
//! before a push asks nobody.

mod challenge;
mod client;
mod error;
mod flight;
mod record;
mod sources;

pub use error::UpstreamError;
pub use record::{Fetched, fetched};

pub(super) use flight::Flight;
pub(super) use sources::hosts;

use super::storage::{Storage, StoredManifest};
use crate::local::initial_state::InitialState;
use crate::oci::{Descriptor, Digest, media_type};
use client::{Client, Place, limited};
use flight::Route;
use http::header::{self, HeaderMap, HeaderValue};
use record::Record;
use serde_json::Value;
use sources::Sources;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The largest manifest that is taken.
const LIMIT: usize = 4 * 1024 * 1024;

/// The registries outside.
#[derive(Debug)]
pub struct Upstream {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    storage: Storage,
    sources: Sources,
    client: Client,
    record: Record,
    /// What is on its way, by registry and digest.
    flights: Mutex<HashMap<(String, Digest), Arc<Flight>>>,
    /// Whose turn it is to fetch a manifest, by what it is called.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Upstream {
    /// What a world allows, kept in a storage and listed in the state folder.
    pub fn open(state: &Path, storage: &Storage, world: &InitialState) -> Self {
        Self {
            inner: Arc::new(Inner {
                storage: storage.clone(),
                sources: Sources::of(world),
                client: Client::default(),
                record: Record::of(state),
                flights: Mutex::default(),
                turns: Mutex::default(),
            }),
        }
    }

    /// Sees to it that a manifest is here, if it may come from outside.
    pub async fn manifest(
        &self,
        host: &str,
        repository: &str,
        name: &str,
    ) -> Result<(), UpstreamError> {
        let here = || self.inner.storage.manifest(host, repository, name).is_some();
        if !self.inner.sources.allow(host, repository) || here() {
            return Ok(());
        }
        let place = Place { host, repository, name };
        if self.inner.sources.offline {
            return Err(UpstreamError::Offline { reference: place.shown() });
        }
        let turn = {
            let mut turns = self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(place.shown()).or_default())
        };
        let _turn = turn.lock().await;
        if here() { Ok(()) } else { self.inner.fetch_manifest(&place).await }
    }

    /// The size of a blob that is not here but named by a manifest from
    /// outside.
    pub(super) fn expected(&self, host: &str, repository: &str, digest: &Digest) -> Option<u64> {
        let storage = &self.inner.storage;
        match storage.blob_path(host, repository, digest) {
            Some(_) => None,
            None => storage.expected(host, repository, digest),
        }
    }

    /// A blob on its way, if it is not here and may come from outside.
    pub(super) fn blob(
        &self,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Result<Option<Arc<Flight>>, UpstreamError> {
        let storage = &self.inner.storage;
        let key = (host.to_owned(), digest.clone());
        // Held while looking: what has landed is here before it leaves the list.
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(size) = self.expected(host, repository, digest) else { return Ok(None) };
        if let Some(flight) = flights.get(&key) {
            return Ok(Some(Arc::clone(flight)));
        }
        if storage.content(digest).exists() {
            storage.link_blob(host, repository, digest)?;
            return Ok(None);
        }
        if self.inner.sources.offline {
            let place = Place { host, repository, name: digest.as_str() };
            return Err(UpstreamError::Offline { reference: place.shown() });
        }
        let part = storage.uploads().join(format!("fetch-{}", digest.hex()));
        let flight = Flight::new(digest, size, part);
        flights.insert(key.clone(), Arc::clone(&flight));
        let (inner, started) = (Arc::clone(&self.inner), Arc::clone(&flight));
        let repository = repository.to_owned();
        // On its own: who asked for it may go away while others wait.
        tokio::spawn(async move {
            let fetched = inner.fetch_blob(&started, &key.0, &repository).await;
            tracing::debug!(digest = %key.1, ?fetched, "a blob from outside");
            inner.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
        Ok(Some(flight))
    }

    /// Sees to it that all of a blob is here, if it may come from outside.
    pub async fn whole(
        &self,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Result<(), Arc<UpstreamError>> {
        let Some(flight) = self.blob(host, repository, digest)? else { return Ok(()) };
        flight.whole().await?;
        // Another repository may have been the one that it was fetched for.
        Ok(self.inner.storage.link_blob(host, repository, digest).map_err(UpstreamError::from)?)
    }
}

impl Inner {
    async fn fetch_manifest(&self, place: &Place<'_>) -> Result<(), UpstreamError> {
        let response = self.client.get(place, "manifests", accept()).await?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        };
        let (said, kind) = (header("docker-content-digest"), header("content-type"));
        let bytes = limited(place, response, LIMIT).await?;
        let content: Value = serde_json::from_slice(&bytes)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| place.nonsense("it is no manifest"))?;
        let said = said.and_then(|said| said.parse::<Digest>().ok());
        let expected = place.name.parse::<Digest>().ok().or(said);
        let found = match &expected {
            Some(expected) => super::digest::digest_as(expected.algorithm(), &bytes),
            None => Digest::of(&bytes),
        };
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(UpstreamError::Digest { host: place.host.to_owned(), expected, found });
        }
        let own = content["mediaType"].as_str().map(str::to_owned);
        let manifest = StoredManifest {
            media_type: own.or(kind).unwrap_or_else(|| media_type::MANIFEST.to_owned()),
            digest: found,
            bytes,
        };
        self.keep_manifest(place, &manifest, &content)
    }

    fn keep_manifest(
        &self,
        place: &Place<'_>,
        manifest: &StoredManifest,
        content: &Value,
    ) -> Result<(), UpstreamError> {
        let Place { host, repository, name } = *place;
        let layers = content["layers"].as_array().into_iter().flatten();
        for part in layers.chain(content.get("config")) {
            // What lies elsewhere is not in its registry.
            let elsewhere = part["urls"].as_array().is_some_and(|urls| !urls.is_empty());
            match serde_json::from_value::<Descriptor>(part.clone()) {
                Ok(blob) if !elsewhere => self.storage.expect_blob(host, repository, &blob)?,
                _ => {}
            }
        }
        self.record.add(&Fetched {
            host: host.to_owned(),
            repository: repository.to_owned(),
            name: name.to_owned(),
            digest: manifest.digest.to_string(),
            bytes: manifest.bytes.len() as u64,
            blob: false,
        })?;
        self.storage.put_manifest(host, repository, manifest, None)?;
        if name.parse::<Digest>().is_err() {
            self.storage.set_tag(host, repository, name, &manifest.digest)?;
        }
        Ok(())
    }

    async fn fetch_blob(
        &self,
        flight: &Flight,
        host: &str,
        repository: &str,
    ) -> Result<(), Arc<UpstreamError>> {
        let content = self.storage.content(&flight.digest);
        let route = Route { client: &self.client, host, repository, content: &content };
        flight.fly(route).await?;
        let keep = self.storage.link_blob(host, repository, &flight.digest).and_then(|()| {
            self.record.add(&Fetched {
                host: host.to_owned(),
                repository: repository.to_owned(),
                name: flight.digest.to_string(),
                digest: flight.digest.to_string(),
                bytes: flight.size,
                blob: true,
            })
        });
        Ok(keep.map_err(UpstreamError::from)?)
    }
}

/// The kinds of manifest that are understood.
fn accept() -> HeaderMap {
    let kinds = [
        media_type::INDEX,
        media_type::MANIFEST,
        media_type::DOCKER_LIST,
        media_type::DOCKER_MANIFEST,
    ];
    let accept = HeaderValue::from_str(&kinds.join(", "));
    accept.map(|kinds| HeaderMap::from_iter([(header::ACCEPT, kinds)])).unwrap_or_default()
}
