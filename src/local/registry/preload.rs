//! Copies preloaded images from OCI image layouts into the registries (image
//! specification, "Image Layout").

use super::storage::{Storage, StoredManifest};
use crate::local::files::{FileError, create_folder};
use crate::local::initial_state::PreloadedImage;
use crate::oci::{Descriptor, Digest, InvalidReference, LAYOUT_INDEX, Manifest, Reference};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A preloaded image that cannot be copied into its registry.
#[derive(Debug, thiserror::Error)]
pub enum PreloadError {
    #[error("`{reference}` is not the reference of an image")]
    Reference { reference: String, source: InvalidReference },
    #[error("cannot read `{}` of the layout for `{reference}`", path.display())]
    Read { reference: String, path: PathBuf, source: io::Error },
    /// A file of the layout is not the expected JSON.
    #[error("cannot parse `{}` of the layout for `{reference}`", path.display())]
    Json { reference: String, path: PathBuf, source: serde_json::Error },
    #[error("the layout for `{reference}` holds {count} images where one is needed")]
    Count { reference: String, count: usize },
    #[error("cannot store `{reference}`")]
    Keep { reference: String, source: FileError },
}

/// Copies an image into the registry of its reference.
pub fn preload(storage: &Storage, image: &PreloadedImage) -> Result<(), PreloadError> {
    let reference: Reference = image
        .reference
        .parse()
        .map_err(|source| PreloadError::Reference { reference: image.reference.clone(), source })?;
    let preload = Preload { storage, image, reference };
    let (_, index) = preload.read_manifest(&image.layout.join(LAYOUT_INDEX))?;
    let [manifest] = index.entries() else {
        let count = index.entries().len();
        return Err(PreloadError::Count { reference: image.reference.clone(), count });
    };
    preload.manifest(manifest)?;
    let tag = preload.reference.tag.clone().unwrap_or_else(|| "latest".to_owned());
    let target = &preload.reference;
    storage
        .set_tag(&target.host, &target.repository, &tag, &manifest.digest)
        .map_err(|source| preload.keep(source))
}

struct Preload<'a> {
    storage: &'a Storage,
    image: &'a PreloadedImage,
    reference: Reference,
}

impl Preload<'_> {
    fn manifest(&self, descriptor: &Descriptor) -> Result<(), PreloadError> {
        let (bytes, content) = self.read_manifest(&self.blob(&descriptor.digest))?;
        for child in content.entries() {
            self.manifest(child)?;
        }
        for blob in content.content() {
            self.take(&blob.digest)?;
        }
        let manifest = StoredManifest {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest.clone(),
            bytes,
        };
        self.storage
            .put_manifest(&self.reference.host, &self.reference.repository, &manifest, None)
            .map_err(|source| self.keep(source))
    }

    /// Copies a blob, unless its content is stored already.
    fn take(&self, digest: &Digest) -> Result<(), PreloadError> {
        let (from, to) = (self.blob(digest), self.storage.content(digest));
        if !to.exists() {
            if let Some(folder) = to.parent() {
                create_folder(folder).map_err(|source| self.keep(source))?;
            }
            // Renamed when complete, so that an interrupted copy does not count as a blob.
            let part = self.storage.uploads().join(format!("preload-{}", digest.hex()));
            fs::copy(&from, &part).map_err(|source| self.read(&from, source))?;
            fs::rename(&part, &to).map_err(|source| self.read(&part, source))?;
        }
        self.storage
            .link_blob(&self.reference.host, &self.reference.repository, digest)
            .map_err(|source| self.keep(source))
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.image.layout.join("blobs").join(digest.algorithm()).join(digest.hex())
    }

    fn read_manifest(&self, path: &Path) -> Result<(Vec<u8>, Manifest), PreloadError> {
        let bytes = fs::read(path).map_err(|source| self.read(path, source))?;
        let manifest = serde_json::from_slice(&bytes).map_err(|source| {
            let reference = self.image.reference.clone();
            PreloadError::Json { reference, path: path.to_owned(), source }
        })?;
        Ok((bytes, manifest))
    }

    fn read(&self, path: &Path, source: io::Error) -> PreloadError {
        let reference = self.image.reference.clone();
        PreloadError::Read { reference, path: path.to_owned(), source }
    }

    fn keep(&self, source: FileError) -> PreloadError {
        PreloadError::Keep { reference: self.image.reference.clone(), source }
    }
}
