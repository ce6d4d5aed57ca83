//! The JSON documents of images: manifest, index, image configuration.
//!
//! Reading is lenient where registries and build tools differ: every field may be
//! missing or `null` (Go writes an empty list so), unknown fields are ignored, and
//! what only describes content (annotations, subject, dates) never makes a document
//! unreadable. Content is named by the digest of its bytes, so a document that was
//! read is sent on as its bytes, never as these types written again.

use super::descriptor::{Descriptor, Platform, media_type};
use super::digest::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The index of an image layout, relative to its folder.
pub const LAYOUT_INDEX: &str = "index.json";

/// A manifest of any kind: an image, an artifact, or an index of others.
///
/// The order of the fields is the order in which they are written. It decides the
/// digest of what is written, so changing it changes the digest of every image.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Manifest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Of an image or artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Descriptor>,
    /// Of an image or artifact, the lowest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<Descriptor>>,
    /// The content of an artifact manifest, a kind that image specification 1.1
    /// removed before its release and that registries still hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobs: Option<Vec<Descriptor>>,
    /// Of an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Vec<Descriptor>>,
    /// The manifest that this one is attached to.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// An OCI image manifest, to be written.
    pub fn of_image(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: Some(2),
            media_type: Some(media_type::MANIFEST.to_owned()),
            config: Some(config),
            layers: Some(layers),
            ..Self::default()
        }
    }

    /// An OCI index, to be written.
    pub fn of_index(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: Some(2),
            media_type: Some(media_type::INDEX.to_owned()),
            manifests: Some(manifests),
            ..Self::default()
        }
    }

    /// The bytes of a manifest that was made here, always the same for the same
    /// content.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("every key of a manifest is text")
    }

    /// Whether this lists other manifests instead of being one image.
    pub fn is_index(&self) -> bool {
        self.manifests.is_some() && self.config.is_none()
    }

    /// The layers, lowest first; empty for an index.
    pub fn layers(&self) -> &[Descriptor] {
        self.layers.as_deref().unwrap_or_default()
    }

    /// The manifests that an index lists; empty for an image.
    pub fn entries(&self) -> &[Descriptor] {
        self.manifests.as_deref().unwrap_or_default()
    }

    /// All content except other manifests: configuration, layers and the blobs of
    /// an artifact manifest.
    pub fn content(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(self.layers()).chain(self.blobs.iter().flatten())
    }

    /// The configuration, where it is the configuration of an image and not of a
    /// chart, a signature or another artifact.
    pub fn image_config(&self) -> Option<&Descriptor> {
        self.config.as_ref().filter(|config| media_type::is_image_config(&config.media_type))
    }
}

/// The configuration of an image, as far as this program reads it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct ImageConfig {
    /// RFC 3339.
    #[serde(deserialize_with = "readable")]
    pub created: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub architecture: String,
    #[serde(deserialize_with = "null_is_default")]
    pub os: String,
    pub variant: Option<String>,
    #[serde(rename = "config", deserialize_with = "null_is_default")]
    pub process: ImageProcess,
    #[serde(deserialize_with = "null_is_default")]
    pub rootfs: RootFs,
}

impl ImageConfig {
    /// The platform that the image is for. Fields that the configuration leaves out
    /// are empty.
    pub fn platform(&self) -> Platform {
        Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
            other: serde_json::Map::new(),
        }
    }
}

/// How a container of the image starts: the `config` object of its configuration.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageProcess {
    /// `NAME=VALUE`.
    #[serde(deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub cmd: Vec<String>,
    /// Empty means `/`.
    #[serde(deserialize_with = "null_is_default")]
    pub working_dir: String,
    /// `user`, `uid`, with a group after `:`. Empty means root.
    #[serde(deserialize_with = "null_is_default")]
    pub user: String,
}

/// The layers of an image, by the digests of their uncompressed content.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct RootFs {
    #[serde(deserialize_with = "null_is_default")]
    pub diff_ids: Vec<Digest>,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The value, or the default where it has another form than expected.
fn readable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{ImageConfig, ImageProcess, Manifest};
    use crate::oci::{Descriptor, Digest, media_type};

    #[test]
    fn manifest_fields_are_written_in_one_order() {
        let config = Descriptor::new(media_type::CONFIG, Digest::of(b"{}"), 2);
        let layer = Descriptor::new(media_type::LAYER, Digest::of(b"a"), 1);
        let text = |manifest: &Manifest| String::from_utf8(manifest.to_bytes()).expect("text");

        let (config_digest, layer_digest) = (&config.digest, &layer.digest);
        assert_eq!(
            text(&Manifest::of_image(config.clone(), vec![layer.clone()])),
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{config_digest}","size":2}},"layers":[{{"mediaType":"{}","digest":"{layer_digest}","size":1}}]}}"#,
                media_type::MANIFEST,
                media_type::CONFIG,
                media_type::LAYER
            )
        );
        assert_eq!(
            text(&Manifest::of_index(Vec::new())),
            format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media_type::INDEX)
        );
    }

    #[test]
    fn null_and_unreadable_descriptions_do_not_make_a_manifest_unreadable() {
        let text = r#"{
            "schemaVersion": 2, "mediaType": null, "artifactType": 5, "config": null,
            "layers": null, "blobs": null, "manifests": [], "subject": "x",
            "annotations": {"a": 1}, "unknown": {}
        }"#;

        let manifest: Manifest = serde_json::from_str(text).expect("a manifest");

        let empty = Manifest {
            schema_version: Some(2),
            manifests: Some(Vec::new()),
            ..Manifest::default()
        };
        assert_eq!(manifest, empty);
        assert!(manifest.is_index());
    }

    #[test]
    fn an_unreadable_descriptor_makes_a_manifest_unreadable() {
        for text in [r#"{"layers": [{"digest": "x"}]}"#, r#"{"config": {}}"#, r#"{"layers": 5}"#] {
            assert!(serde_json::from_str::<Manifest>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn content_is_everything_except_other_manifests() {
        let one = |name: &str| Descriptor::new("application/x", Digest::of(name.as_bytes()), 1);
        let manifest = Manifest {
            blobs: Some(vec![one("blob")]),
            manifests: Some(vec![one("manifest")]),
            ..Manifest::of_image(one("config"), vec![one("layer")])
        };

        assert_eq!(
            manifest.content().cloned().collect::<Vec<_>>(),
            [one("config"), one("layer"), one("blob")]
        );
        assert_eq!(manifest.image_config(), None);
        assert!(!manifest.is_index());
    }

    #[test]
    fn null_in_a_configuration_is_the_default() {
        let read = |text: &str| serde_json::from_str::<ImageConfig>(text).expect("JSON");

        let nulls = r#"{
            "created": 7, "architecture": null, "os": null, "variant": null, "rootfs": null,
            "config": {"Cmd": null, "User": null, "Env": null}
        }"#;
        assert_eq!(read(nulls), ImageConfig::default());
        assert_eq!(read(r#"{"config": null}"#), ImageConfig::default());
        let config = read(
            r#"{"architecture": "arm64", "os": "linux", "variant": "", "config": {"Cmd": ["-v"]}}"#,
        );
        assert_eq!(config.platform().to_string(), "linux/arm64");
        assert_eq!(
            config.process,
            ImageProcess { cmd: vec!["-v".into()], ..ImageProcess::default() }
        );
    }
}
