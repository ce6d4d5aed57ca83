//! Content that a local registry lacks and a registry outside has: fetched on request,
//! verified, stored, and recorded.
//!
//! Only GET requests leave the machine, only to allowed repositories, and without a
//! login. What is pushed to such a registry stays here. A blob is fetched only if a
//! manifest from there names it, so that a client that looks for a blob before a push
//! causes no request outside.

mod download;
mod error;
mod origins;
mod record;
mod sources;
mod tags;

pub use error::UpstreamError;
pub use record::{Fetched, fetched};

pub(super) use sources::hosts;

use super::storage::{Storage, StoredManifest};
use crate::local::initial_state::InitialState;
use crate::oci::{Digest, Manifest, media_type};
use crate::registry::RawManifest;
use download::{Download, DownloadRoute};
use origins::{OriginName, Origins};
use record::FetchRecord;
use sources::AllowedSources;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tags::FetchedTags;

/// The registries outside of the local cloud.
#[derive(Debug)]
pub struct Upstream {
    shared: Arc<SharedUpstream>,
}

#[derive(Debug)]
struct SharedUpstream {
    storage: Storage,
    sources: AllowedSources,
    origins: Origins,
    record: FetchRecord,
    tags: FetchedTags,
    /// Running downloads by registry and digest.
    downloads: Mutex<HashMap<(String, Digest), Arc<Download>>>,
    /// Held while a manifest is fetched, by its reference.
    manifest_locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Upstream {
    /// Fetches what a world allows, into a storage, with a record in the state folder.
    pub fn open(state: &Path, storage: &Storage, world: &InitialState) -> Self {
        Self {
            shared: Arc::new(SharedUpstream {
                storage: storage.clone(),
                sources: AllowedSources::of(world),
                origins: Origins::default(),
                record: FetchRecord::of(state),
                tags: FetchedTags::of(&fetched(state)),
                downloads: Mutex::default(),
                manifest_locks: Mutex::default(),
            }),
        }
    }

    /// Fetches a manifest that is not here and allowed to come from outside. A tag that came
    /// from there is looked up again after a while: it may have been moved.
    pub async fn manifest(
        &self,
        host: &str,
        repository: &str,
        name: &str,
    ) -> Result<(), UpstreamError> {
        let shared = &self.shared;
        if !shared.sources.allows(host, repository) {
            return Ok(());
        }
        let name = OriginName { host, repository, name };
        let is_done = || match shared.storage.manifest(host, repository, name.name) {
            Some(here) => {
                shared.sources.offline || !shared.tags.is_stale(&name.shown(), &here.digest)
            }
            None => false,
        };
        if is_done() {
            return Ok(());
        }
        if shared.sources.offline {
            return Err(UpstreamError::Offline { reference: name.shown() });
        }
        let lock = {
            let mut locks = shared.manifest_locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.shown()).or_default())
        };
        let _lock = lock.lock().await;
        if is_done() {
            return Ok(());
        }
        let Some(here) = shared.storage.manifest(host, repository, name.name) else {
            return shared.fetch_manifest(name, None).await;
        };
        let asked = shared.fetch_manifest(name, Some(&here.digest)).await;
        if let Err(error) = asked {
            tracing::warn!(
                reference = name.shown(),
                error = error.words(),
                "a tag cannot be looked up again, and stays as it was fetched before"
            );
            shared.tags.asked(&name.shown(), &here.digest);
        }
        Ok(())
    }

    /// The size of a blob that is not here but named by a manifest from outside.
    pub fn expected(&self, host: &str, repository: &str, digest: &Digest) -> Option<u64> {
        let storage = &self.shared.storage;
        match storage.blob_path(host, repository, digest) {
            Some(_) => None,
            None => storage.expected(host, repository, digest),
        }
    }

    /// The download of a blob that is not here and allowed to come from outside.
    pub fn blob(
        &self,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Result<Option<Arc<Download>>, UpstreamError> {
        let storage = &self.shared.storage;
        let key = (host.to_owned(), digest.clone());
        // Locked while looking: a stored blob is in the storage before its download is
        // removed from the list.
        let mut downloads = self.shared.downloads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(size) = self.expected(host, repository, digest) else { return Ok(None) };
        if let Some(download) = downloads.get(&key) {
            return Ok(Some(Arc::clone(download)));
        }
        if storage.content(digest).exists() {
            storage.link_blob(host, repository, digest)?;
            return Ok(None);
        }
        if self.shared.sources.offline {
            let name = OriginName { host, repository, name: digest.as_str() };
            return Err(UpstreamError::Offline { reference: name.shown() });
        }
        let part = storage.uploads().join(format!("fetch-{}", digest.hex()));
        let download = Download::new(digest, size, part);
        downloads.insert(key.clone(), Arc::clone(&download));
        let (shared, started) = (Arc::clone(&self.shared), Arc::clone(&download));
        let repository = repository.to_owned();
        // A task of its own: the first request may be cancelled while others wait.
        tokio::spawn(async move {
            let fetched = shared.fetch_blob(&started, &key.0, &repository).await;
            tracing::debug!(digest = %key.1, ?fetched, "fetched a blob from outside");
            shared.downloads.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
        Ok(Some(download))
    }

    /// Fetches a blob that is not here and allowed to come from outside.
    pub async fn whole(
        &self,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Result<(), Arc<UpstreamError>> {
        let Some(download) = self.blob(host, repository, digest)? else { return Ok(()) };
        download.whole().await?;
        // It may have been fetched for another repository.
        Ok(self.shared.storage.link_blob(host, repository, digest).map_err(UpstreamError::from)?)
    }
}

impl SharedUpstream {
    /// Fetches a manifest, and keeps it unless it has the digest that is here.
    async fn fetch_manifest(
        &self,
        name: OriginName<'_>,
        here: Option<&Digest>,
    ) -> Result<(), UpstreamError> {
        let RawManifest { media_type, digest, bytes } = self.origins.manifest(name).await?;
        let content: Manifest = serde_json::from_slice(&bytes)
            .ok()
            .ok_or_else(|| name.unexpected("it is not a manifest"))?;
        let expected = name.name.parse::<Digest>().ok().or(digest);
        let found = match &expected {
            Some(expected) => super::digest::digest_as(expected.algorithm(), &bytes),
            None => Digest::of(&bytes),
        };
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(UpstreamError::Digest { host: name.host.to_owned(), expected, found });
        }
        if here == Some(&found) {
            self.tags.asked(&name.shown(), &found);
            return Ok(());
        }
        let declared = Some(media_type).filter(|media_type| !media_type.is_empty());
        let own = content.media_type.clone();
        let manifest = StoredManifest {
            media_type: own.or(declared).unwrap_or_else(|| media_type::MANIFEST.to_owned()),
            digest: found,
            bytes: bytes.to_vec(),
        };
        self.keep_manifest(name, &manifest, &content)
    }

    fn keep_manifest(
        &self,
        name: OriginName<'_>,
        manifest: &StoredManifest,
        content: &Manifest,
    ) -> Result<(), UpstreamError> {
        let shown = name.shown();
        let OriginName { host, repository, name } = name;
        for blob in content.content() {
            // A layer with URLs need not be in the registry.
            let urls = blob.other.get("urls").and_then(|urls| urls.as_array());
            if urls.is_none_or(Vec::is_empty) {
                self.storage.expect_blob(host, repository, blob)?;
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
            self.tags.asked(&shown, &manifest.digest);
        }
        Ok(())
    }

    async fn fetch_blob(
        &self,
        download: &Download,
        host: &str,
        repository: &str,
    ) -> Result<(), Arc<UpstreamError>> {
        let content = self.storage.content(&download.digest);
        let route = DownloadRoute { origins: &self.origins, host, repository, content: &content };
        download.run(route).await?;
        let keep = self.storage.link_blob(host, repository, &download.digest).and_then(|()| {
            self.record.add(&Fetched {
                host: host.to_owned(),
                repository: repository.to_owned(),
                name: download.digest.to_string(),
                digest: download.digest.to_string(),
                bytes: download.size,
                blob: true,
            })
        });
        Ok(keep.map_err(UpstreamError::from)?)
    }
}
