//! Copies an image into a registry without a client in between, as `az acr import` asks
//! for it.

use super::attributes::{self, Touched};
use super::registries::Registries;
use super::storage::StoredManifest;
use super::upstream::UpstreamError;
use crate::local::files::FileError;
use crate::oci::{Digest, Manifest, Reference};
use http::Method;
use std::sync::Arc;

/// Where an image is copied to.
pub struct ImportTarget<'a> {
    /// The login server.
    pub host: &'a str,
    /// Repository and tag of each copy.
    pub tags: Vec<TaggedRepository>,
    /// Repositories that get the image without a tag.
    pub untagged: Vec<String>,
    /// Whether tags that exist are given to the image.
    pub force: bool,
}

pub struct TaggedRepository {
    pub repository: String,
    pub tag: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the image `{0}` was not found")]
    Missing(String),
    #[error("Tag {0} already exists in target registry.")]
    Exists(String),
    #[error("{0} is locked")]
    Locked(String),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{}", .0.words())]
    Upstream(Arc<UpstreamError>),
}

impl From<Arc<UpstreamError>> for ImportError {
    fn from(error: Arc<UpstreamError>) -> Self {
        Self::Upstream(error)
    }
}

impl From<UpstreamError> for ImportError {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(Arc::new(error))
    }
}

pub async fn import(
    registries: &Registries,
    source: &Reference,
    target: &ImportTarget<'_>,
) -> Result<(), ImportError> {
    let storage = &registries.storage;
    for TaggedRepository { repository, tag } in &target.tags {
        let name = format!("{repository}:{tag}");
        if !target.force && storage.tag(target.host, repository, tag).is_some() {
            return Err(ImportError::Exists(name));
        }
        let touched = Touched { host: target.host, repository, reference: Some(tag) };
        if attributes::check(storage, &touched, &Method::PUT).is_err() {
            return Err(ImportError::Locked(name));
        }
    }
    let manifests = fetch(registries, source).await?;
    let root = manifests[manifests.len() - 1].digest.clone();
    let tagged = target.tags.iter().map(|tagged| &tagged.repository);
    for repository in tagged.chain(&target.untagged) {
        for manifest in &manifests {
            copy(registries, manifest, target.host, repository)?;
        }
    }
    for TaggedRepository { repository, tag } in &target.tags {
        storage.set_tag(target.host, repository, tag, &root)?;
    }
    Ok(())
}

/// The manifests of an image with all of their blobs stored here. The last one is the image
/// itself, the others are those that it lists.
async fn fetch(
    registries: &Registries,
    source: &Reference,
) -> Result<Vec<StoredManifest>, ImportError> {
    let Reference { host, repository, .. } = source;
    let mut found = Vec::new();
    let mut wanted = vec![source.manifest_name().to_owned()];
    while let Some(name) = wanted.pop() {
        registries.upstream.manifest(host, repository, &name).await?;
        let stored = registries.storage.manifest(host, repository, &name);
        let stored = stored.ok_or_else(|| ImportError::Missing(source.to_string()))?;
        let content: Manifest = serde_json::from_slice(&stored.bytes)
            .map_err(|_| ImportError::Missing(source.to_string()))?;
        for blob in content.config.iter().chain(content.layers()) {
            registries.upstream.whole(host, repository, &blob.digest).await?;
        }
        wanted.extend(content.entries().iter().map(|entry| entry.digest.to_string()));
        found.push(stored);
    }
    found.reverse();
    Ok(found)
}

fn copy(
    registries: &Registries,
    manifest: &StoredManifest,
    host: &str,
    repository: &str,
) -> Result<(), FileError> {
    let content: Option<Manifest> = serde_json::from_slice(&manifest.bytes).ok();
    let content = content.iter();
    let blobs: Vec<&Digest> = content
        .flat_map(|content| content.config.iter().chain(content.layers()))
        .map(|blob| &blob.digest)
        .collect();
    for digest in blobs {
        registries.storage.link_blob(host, repository, digest)?;
    }
    registries.storage.put_manifest(host, repository, manifest, None)
}
