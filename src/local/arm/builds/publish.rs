//! Puts a built image into a local registry.

use crate::image::{Image, Store};
use crate::local::files::{FileError, create_folder};
use crate::local::registry::{Storage, StoredManifest};
use crate::oci::Descriptor;
use std::error::Error;
use std::fs;
use std::path::Path;

/// Where an image goes.
pub struct Target<'a> {
    pub host: &'a str,
    pub repository: &'a str,
    pub tag: &'a str,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot store `{repository}:{tag}`")]
pub struct PublishError {
    repository: String,
    tag: String,
    source: Box<dyn Error + Send + Sync>,
}

/// Copies the blobs, then the manifest, then sets the tag.
pub fn image(
    storage: &Storage,
    store: &Store,
    image: &Image,
    target: &Target<'_>,
) -> Result<(), PublishError> {
    put(storage, store, image, target).map_err(|source| PublishError {
        repository: target.repository.to_owned(),
        tag: target.tag.to_owned(),
        source,
    })
}

fn put(
    storage: &Storage,
    store: &Store,
    image: &Image,
    target: &Target<'_>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Target { host, repository, tag } = *target;
    for (blob, path) in image.blobs(store)? {
        copy(storage, &blob, &path)?;
        storage.link_blob(host, repository, &blob.digest)?;
    }
    let manifest = StoredManifest {
        media_type: image.manifest.media_type.clone(),
        digest: image.manifest.digest.clone(),
        bytes: image.manifest_bytes.to_vec(),
    };
    storage.put_manifest(host, repository, &manifest, None)?;
    Ok(storage.set_tag(host, repository, tag, &manifest.digest)?)
}

/// Copies a blob, unless its content is stored already.
fn copy(storage: &Storage, blob: &Descriptor, from: &Path) -> Result<(), FileError> {
    let to = storage.content(&blob.digest);
    if to.exists() {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        create_folder(folder)?;
    }
    // Renamed when complete, so that an interrupted copy does not count as a blob.
    let part = storage.uploads().join(format!("build-{}", blob.digest.hex()));
    let failed = |source| FileError::Io { verb: "write", path: part.clone(), source };
    fs::copy(from, &part).map_err(failed)?;
    fs::rename(&part, &to).map_err(failed)
}
