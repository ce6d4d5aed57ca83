//! One image: its manifest, configuration and layers.
//!
//! The bytes of a manifest are kept as they were read, because its digest covers them.

use super::store::{Store, StoreError};
use crate::http::{Retry, Retryable};
use crate::oci::{Descriptor, Digest, ImageConfig, Manifest, Platform, media_type};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// An image for one platform, whose blobs are files of a [`Store`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// Its digest is the digest of the image in a registry.
    pub manifest: Descriptor,
    /// The bytes that the digest covers.
    pub manifest_bytes: Bytes,
    /// Its digest is the image ID.
    pub config: Descriptor,
    /// The lowest layer first.
    pub layers: Vec<Descriptor>,
    pub platform: Platform,
}

/// Why a manifest or configuration could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("cannot read the {what} `{digest}`")]
    Syntax {
        /// `manifest`, `configuration` or `index`.
        what: &'static str,
        digest: Digest,
        source: serde_json::Error,
    },
    #[error("`{digest}` is a `{found}`, not the manifest of an image")]
    NoImage { digest: Digest, found: String },
    #[error("the manifest `{digest}` has no `{field}`")]
    Incomplete { digest: Digest, field: &'static str },
    #[error("`{digest}` is an index within four others")]
    TooDeep { digest: Digest },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Retryable for ManifestError {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.help(),
            Self::NoImage { .. } => {
                Some("name an image, not an artifact such as a chart or a signature".into())
            }
            Self::Syntax { .. } | Self::Incomplete { .. } | Self::TooDeep { .. } => None,
        }
    }
}

impl Image {
    /// The image ID as docker shows it: the digest of the configuration.
    pub fn image_id(&self) -> &Digest {
        &self.config.digest
    }

    /// All blobs except the manifest, each once, with their files. A registry must hold them
    /// before it accepts the manifest.
    pub fn blobs(&self, store: &Store) -> Result<Vec<(Descriptor, PathBuf)>, StoreError> {
        let mut blobs: Vec<(Descriptor, PathBuf)> = Vec::with_capacity(self.layers.len() + 1);
        for descriptor in self.layers.iter().chain([&self.config]) {
            if blobs.iter().all(|(known, _)| known.digest != descriptor.digest) {
                blobs.push((descriptor.clone(), store.locate(descriptor)?));
            }
        }
        Ok(blobs)
    }

    /// Reads an image whose configuration is in the store. Its layers may be missing.
    pub fn read(store: &Store, manifest_bytes: Bytes) -> Result<Self, ManifestError> {
        let digest = Digest::of(&manifest_bytes);
        let read: Manifest = read_json("manifest", &digest, &manifest_bytes)?;
        let found = read.media_type.clone().unwrap_or_else(|| media_type::MANIFEST.to_owned());
        if !media_type::is_image_manifest(&found) {
            return Err(ManifestError::NoImage { digest, found });
        }
        let config = match (&read.config, read.image_config()) {
            (_, Some(config)) => config.clone(),
            (Some(other), None) => {
                return Err(ManifestError::NoImage { digest, found: other.media_type.clone() });
            }
            (None, None) => return Err(ManifestError::Incomplete { digest, field: "config" }),
        };
        let Some(layers) = read.layers else {
            return Err(ManifestError::Incomplete { digest, field: "layers" });
        };
        let bytes = store.read(&config.digest)?;
        let configured: ImageConfig = read_json("configuration", &config.digest, &bytes)?;
        Ok(Self {
            manifest: Descriptor::new(&found, digest, manifest_bytes.len() as u64),
            manifest_bytes,
            config,
            layers,
            platform: configured.platform(),
        })
    }

    /// Writes an OCI manifest for a configuration and layers that are already stored.
    pub fn write(
        store: &Store,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<Self, ManifestError> {
        let bytes = Manifest::of_image(config.clone(), layers.to_vec()).to_bytes();
        store.put(media_type::MANIFEST, &bytes)?;
        Self::read(store, bytes.into())
    }
}

/// Parses a JSON document; an error names the document.
pub fn read_json<'a, T: Deserialize<'a>>(
    what: &'static str,
    digest: &Digest,
    bytes: &'a [u8],
) -> Result<T, ManifestError> {
    serde_json::from_slice(bytes).map_err(|source| ManifestError::Syntax {
        what,
        digest: digest.clone(),
        source,
    })
}

impl Store {
    /// Reads a stored image, and checks that all its blobs are stored with the right size.
    pub fn load(&self, manifest: &Digest) -> Result<Image, ManifestError> {
        let image = Image::read(self, self.read(manifest)?)?;
        image.blobs(self)?;
        Ok(image)
    }

    /// The configuration of an image with all its fields, known or not.
    pub fn config(&self, image: &Image) -> Result<Map<String, Value>, ManifestError> {
        let bytes = self.read(&image.config.digest)?;
        read_json("configuration", &image.config.digest, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Image, ManifestError};
    use crate::image::store::{Store, StoreError};
    use crate::oci::{Descriptor, Digest, Manifest, media_type};
    use tempfile::TempDir;

    fn store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        (folder, store)
    }

    fn image(store: &Store) -> Image {
        let config = br#"{"architecture":"arm64","os":"linux","variant":"v8"}"#;
        let config = store.put(media_type::CONFIG, config).expect("stored");
        let layer = store.put(media_type::LAYER, b"layer").expect("stored");
        Image::write(store, &config, &[layer.clone(), layer]).expect("an image")
    }

    #[test]
    fn a_written_image_is_loaded_again() {
        let (_folder, store) = store();
        let image = image(&store);

        assert_eq!(store.load(&image.manifest.digest).expect("there"), image);
        assert_eq!(image.platform.to_string(), "linux/arm64/v8");
        assert_eq!(image.image_id(), &image.config.digest);
        assert_eq!(image.blobs(&store).expect("there").len(), 2, "a layer twice is one blob");
    }

    #[test]
    fn the_fields_of_a_manifest_have_one_order() {
        let (_folder, store) = store();
        let image = image(&store);
        let text = String::from_utf8(image.manifest_bytes.to_vec()).expect("text");

        assert!(text.starts_with(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:"#
        ));
    }

    #[test]
    fn an_incomplete_image_is_refused() {
        let (_folder, store) = store();
        let image = image(&store);
        std::fs::remove_file(store.path(&image.layers[0].digest).expect("a path")).expect("gone");

        let error = store.load(&image.manifest.digest).expect_err("incomplete");

        assert!(matches!(error, ManifestError::Store(StoreError::Missing { .. })), "{error}");
    }

    #[test]
    fn an_artifact_is_not_an_image() {
        let (_folder, store) = store();
        let config =
            Descriptor::new("application/vnd.cncf.helm.config.v1+json", Digest::of(b"{}"), 2);
        let bytes = Manifest::of_image(config, Vec::new()).to_bytes();

        let error = Image::read(&store, bytes.clone().into()).expect_err("no image");

        assert_eq!(
            error.to_string(),
            format!(
                "`{}` is a `application/vnd.cncf.helm.config.v1+json`, not the manifest of an image",
                Digest::of(&bytes)
            )
        );
    }
}
