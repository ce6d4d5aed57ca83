//! Images that a registry holds from the start, taken from an OCI image layout
//! (image specification, "Image Layout").

use super::storage::{Storage, StoredManifest};
use crate::local::files::{FileError, create_folder};
use crate::local::initial_state::PreloadedImage;
use crate::oci::{Descriptor, Digest, InvalidReference, Reference};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An image that cannot be put into its registry.
#[derive(Debug, thiserror::Error)]
pub enum PreloadError {
    /// Its reference is none.
    #[error("read the reference `{reference}` of a seed image")]
    Reference {
        /// The text.
        reference: String,
        /// What is wrong with it.
        source: InvalidReference,
    },
    /// A file of the layout cannot be read.
    #[error("read `{}` of the layout for `{reference}`", path.display())]
    Read {
        /// The image.
        reference: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the layout is not what it should be.
    #[error("understand `{}` of the layout for `{reference}`", path.display())]
    Json {
        /// The image.
        reference: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// The layout holds no image, or several.
    #[error("the layout for `{reference}` holds {count} images where one is needed")]
    Count {
        /// The image.
        reference: String,
        /// How many.
        count: usize,
    },
    /// The state folder.
    #[error("keep `{reference}`")]
    Keep {
        /// The image.
        reference: String,
        /// Why not.
        source: FileError,
    },
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// Puts an image into the registry that its reference names.
pub fn preload(storage: &Storage, image: &PreloadedImage) -> Result<(), PreloadError> {
    let reference: Reference = image
        .reference
        .parse()
        .map_err(|source| PreloadError::Reference { reference: image.reference.clone(), source })?;
    let seeding = Preload { storage, image, reference };
    let index: Index = seeding.json(&image.layout.join("index.json"))?;
    let [manifest] = index.manifests.as_slice() else {
        let count = index.manifests.len();
        return Err(PreloadError::Count { reference: image.reference.clone(), count });
    };
    seeding.manifest(manifest)?;
    let tag = seeding.reference.tag.clone().unwrap_or_else(|| "latest".to_owned());
    let place = &seeding.reference;
    storage
        .set_tag(&place.host, &place.repository, &tag, &manifest.digest)
        .map_err(|source| seeding.keep(source))
}

struct Preload<'a> {
    storage: &'a Storage,
    image: &'a PreloadedImage,
    reference: Reference,
}

impl Preload<'_> {
    fn manifest(&self, descriptor: &Descriptor) -> Result<(), PreloadError> {
        let path = self.blob(&descriptor.digest);
        let bytes = fs::read(&path).map_err(|source| self.read(&path, source))?;
        let content: Value = self.json(&path)?;
        let listed = |name: &str| content[name].as_array().cloned().unwrap_or_default();
        for child in listed("manifests") {
            let child =
                serde_json::from_value(child).map_err(|source| self.broken(&path, source))?;
            self.manifest(&child)?;
        }
        for part in listed("layers").into_iter().chain(content.get("config").cloned()) {
            let part: Descriptor =
                serde_json::from_value(part).map_err(|source| self.broken(&path, source))?;
            self.take(&part.digest)?;
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

    /// Copies a blob, unless its content is there.
    fn take(&self, digest: &Digest) -> Result<(), PreloadError> {
        let (from, to) = (self.blob(digest), self.storage.content(digest));
        if !to.exists() {
            if let Some(folder) = to.parent() {
                create_folder(folder).map_err(|source| self.keep(source))?;
            }
            // Renamed when it is whole, so that an interrupted copy is no blob.
            let part = self.storage.uploads().join(format!("seed-{}", digest.hex()));
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

    fn json<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<T, PreloadError> {
        let bytes = fs::read(path).map_err(|source| self.read(path, source))?;
        serde_json::from_slice(&bytes).map_err(|source| self.broken(path, source))
    }

    fn read(&self, path: &Path, source: io::Error) -> PreloadError {
        let reference = self.image.reference.clone();
        PreloadError::Read { reference, path: path.to_owned(), source }
    }

    fn broken(&self, path: &Path, source: serde_json::Error) -> PreloadError {
        let reference = self.image.reference.clone();
        PreloadError::Json { reference, path: path.to_owned(), source }
    }

    fn keep(&self, source: FileError) -> PreloadError {
        PreloadError::Keep { reference: self.image.reference.clone(), source }
    }
}
