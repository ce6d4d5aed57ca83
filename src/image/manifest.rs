//! Which blobs belong together: an image, read from its manifest.
//!
//! The bytes of a manifest are kept as they came, since its digest is of them.

use super::store::{Store, StoreError};
use crate::http::{Retry, Retryable};
use crate::oci::{Descriptor, Digest, Platform, media_type};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Docker's configuration.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// An image for one platform, whose blobs are files of a [`Store`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// The manifest. Its digest is what a registry gives the image.
    pub manifest: Descriptor,
    /// The manifest as it is sent.
    pub manifest_bytes: Bytes,
    /// The configuration. Its digest is the image's id.
    pub config: Descriptor,
    /// From the bottom up.
    pub layers: Vec<Descriptor>,
    /// What it runs on.
    pub platform: Platform,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no JSON, or not of the right form.
    #[error("read the {what} `{digest}`")]
    Syntax {
        /// `manifest`, `configuration` or `index`.
        what: &'static str,
        /// Which.
        digest: Digest,
        /// Why not.
        source: serde_json::Error,
    },
    /// It is none of an image.
    #[error("`{digest}` is a `{found}`, not the manifest of an image")]
    NoImage {
        /// Which.
        digest: Digest,
        /// What it says it is.
        found: String,
    },
    /// Indexes refer to each other without end, or as good as.
    #[error("`{digest}` is an index within four others")]
    TooDeep {
        /// Which.
        digest: Digest,
    },
    /// A blob is not in the store, or not as it should be.
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
            Self::Syntax { .. } | Self::TooDeep { .. } => None,
        }
    }
}

/// What is read of a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// What is written of a manifest, in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u8,
    media_type: &'a str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
}

/// What a configuration says of the platform.
#[derive(Deserialize)]
struct Configured {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    variant: Option<String>,
}

impl Image {
    /// The digest of the configuration: what docker shows as the image's id.
    pub fn image_id(&self) -> &Digest {
        &self.config.digest
    }

    /// Every blob but the manifest, each once, with its file: what a registry
    /// must have before it takes the manifest.
    pub fn blobs(&self, store: &Store) -> Result<Vec<(Descriptor, PathBuf)>, StoreError> {
        let mut blobs: Vec<(Descriptor, PathBuf)> = Vec::with_capacity(self.layers.len() + 1);
        for descriptor in self.layers.iter().chain([&self.config]) {
            if blobs.iter().all(|(known, _)| known.digest != descriptor.digest) {
                blobs.push((descriptor.clone(), store.locate(descriptor)?));
            }
        }
        Ok(blobs)
    }

    /// The image of a manifest whose configuration is in the store. The layers
    /// may still be missing.
    pub fn read(store: &Store, manifest_bytes: Bytes) -> Result<Self, ManifestError> {
        let digest = Digest::of(&manifest_bytes);
        let read: Read = read_json("manifest", &digest, &manifest_bytes)?;
        let found = read.media_type.unwrap_or_else(|| media_type::MANIFEST.to_owned());
        let known = [media_type::MANIFEST, media_type::DOCKER_MANIFEST];
        if !known.contains(&found.as_str()) {
            return Err(ManifestError::NoImage { digest, found });
        }
        if ![media_type::CONFIG, DOCKER_CONFIG].contains(&read.config.media_type.as_str()) {
            return Err(ManifestError::NoImage { digest, found: read.config.media_type });
        }
        let config = store.read(&read.config.digest)?;
        let configured: Configured = read_json("configuration", &read.config.digest, &config)?;
        Ok(Self {
            manifest: Descriptor::new(&found, digest, manifest_bytes.len() as u64),
            manifest_bytes,
            config: read.config,
            layers: read.layers,
            platform: Platform {
                architecture: configured.architecture,
                os: configured.os,
                variant: configured.variant.filter(|variant| !variant.is_empty()),
                other: Map::new(),
            },
        })
    }

    /// Writes an OCI manifest over a configuration and layers that are in the
    /// store already.
    pub(super) fn write(
        store: &Store,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<Self, ManifestError> {
        let media_type = media_type::MANIFEST;
        let written = Written { schema_version: 2, media_type, config, layers };
        let bytes = serde_json::to_vec(&written).expect("a manifest is text by text");
        store.put(media_type, &bytes)?;
        Self::read(store, bytes.into())
    }
}

/// Reads a document, naming it where it cannot be read.
pub(super) fn read_json<'a, T: Deserialize<'a>>(
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
    /// The image of a manifest that was stored before, all of whose blobs must
    /// be there in their size.
    pub fn load(&self, manifest: &Digest) -> Result<Image, ManifestError> {
        let image = Image::read(self, self.read(manifest)?)?;
        image.blobs(self)?;
        Ok(image)
    }

    /// The configuration of an image, with all that it says.
    pub fn config(&self, image: &Image) -> Result<Map<String, Value>, ManifestError> {
        let bytes = self.read(&image.config.digest)?;
        read_json("configuration", &image.config.digest, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Image, ManifestError};
    use crate::image::store::{Store, StoreError};
    use crate::oci::{Descriptor, Digest, media_type};
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
    fn what_is_written_is_loaded_again() {
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
    fn an_image_that_lacks_a_layer_is_not_loaded() {
        let (_folder, store) = store();
        let image = image(&store);
        std::fs::remove_file(store.path(&image.layers[0].digest).expect("a path")).expect("gone");

        let error = store.load(&image.manifest.digest).expect_err("incomplete");

        assert!(matches!(error, ManifestError::Store(StoreError::Missing { .. })), "{error}");
    }

    #[test]
    fn an_artifact_is_no_image() {
        let (_folder, store) = store();
        let config =
            Descriptor::new("application/vnd.cncf.helm.config.v1+json", Digest::of(b"{}"), 2);
        let bytes = serde_json::to_vec(&super::Written {
            schema_version: 2,
            media_type: media_type::MANIFEST,
            config: &config,
            layers: &[],
        })
        .expect("JSON");

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
