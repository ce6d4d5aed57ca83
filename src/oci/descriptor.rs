//! References to content by media type, digest and size, and the platforms of images.

use super::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What the names of the annotations and labels begin with that OCI defines ([annotations]).
///
/// [annotations]: https://github.com/opencontainers/image-spec/blob/main/annotations.md
pub const ANNOTATION_PREFIX: &str = "org.opencontainers.image.";

/// The media types of images, and the groups in which they are told apart.
pub mod media_type {
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// The configuration of an artifact that needs none (image specification 1.1,
    /// "Guidance for an Empty Descriptor").
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// Docker's image manifest, version 2, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's manifest list, which OCI calls an index.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    /// Every kind of manifest that this program understands: what it accepts from a
    /// registry.
    pub const MANIFESTS: [&str; 4] = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST];

    pub fn is_image_manifest(media_type: &str) -> bool {
        [MANIFEST, DOCKER_MANIFEST].contains(&media_type)
    }

    pub fn is_index(media_type: &str) -> bool {
        [INDEX, DOCKER_LIST].contains(&media_type)
    }

    pub fn is_image_config(media_type: &str) -> bool {
        [CONFIG, DOCKER_CONFIG].contains(&media_type)
    }

    /// Whether a layer may not be distributed: the base layers of Windows images are
    /// fetched from where their licence says, and registries take a manifest
    /// without them.
    pub fn is_foreign_layer(media_type: &str) -> bool {
        media_type.contains(".foreign.") || media_type.contains(".nondistributable.")
    }
}

/// An OCI descriptor: content by media type, digest and size.
///
/// Fields that are not known here are kept, so that a list of descriptors can be
/// written back without loss.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Only in an index: what the image runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Descriptor {
    /// A descriptor without optional fields.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            other: serde_json::Map::new(),
        }
    }

    /// Whether it says where else its content can be fetched. Such a layer may be missing
    /// where the manifest is (image specification, "urls"), and registries take a manifest
    /// without it.
    pub fn has_urls(&self) -> bool {
        let urls = self.other.get("urls").and_then(serde_json::Value::as_array);
        urls.is_some_and(|urls| !urls.is_empty())
    }

    /// The type of an artifact, as a list of referrers shows it.
    pub fn artifact_type(&self) -> Option<&str> {
        self.other.get("artifactType").and_then(serde_json::Value::as_str)
    }
}

/// What an image runs on, in the names that Go uses.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Platform {
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `linux`, `windows`; `unknown` for what build tools attach to images.
    pub os: String,
    /// The version of the architecture, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Fields that are not known here, such as `os.version`.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Default for Platform {
    fn default() -> Self {
        Self {
            architecture: "amd64".into(),
            os: "linux".into(),
            variant: None,
            other: serde_json::Map::new(),
        }
    }
}

impl Platform {
    /// Whether an image for `other` satisfies a request for this platform: same
    /// system and architecture, and the same variant if the request names one.
    pub fn takes(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && (self.variant.is_none() || self.level() == other.level())
    }

    /// Whether two names mean the same platform: `linux/arm64/v8` is `linux/arm64`.
    pub fn is_same(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && self.level() == other.level()
    }

    /// The variant, where it is not the one that the architecture means without one
    /// (containerd's `platforms.Normalize`).
    fn level(&self) -> Option<&str> {
        let variant = self.variant.as_deref().filter(|variant| !variant.is_empty())?;
        let usual = match self.architecture.as_str() {
            "amd64" => ["v1", "1"],
            "arm64" => ["v8", "8"],
            "arm" => ["v7", "7"],
            _ => return Some(variant),
        };
        (!usual.contains(&variant)).then_some(variant)
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None)
                if !os.is_empty() && !architecture.is_empty() =>
            {
                Ok(Self {
                    os: os.to_owned(),
                    architecture: architecture.to_owned(),
                    variant: variant.map(str::to_owned),
                    other: serde_json::Map::new(),
                })
            }
            _ => Err(format!("`{text}` is not a platform, which is written `linux/amd64`")),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    fn platform(text: &str) -> Platform {
        text.parse().expect("a platform")
    }

    #[test]
    fn usual_variant_of_an_architecture_need_not_be_named() {
        let takes = |wanted: &str, other: &str| platform(wanted).takes(&platform(other));
        for (wanted, other) in [
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm/v7", "linux/arm"),
            ("linux/arm", "linux/arm/v6"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v2", "linux/amd64/v2"),
        ] {
            assert!(takes(wanted, other), "{wanted} takes {other}");
        }
        for (wanted, other) in [
            ("linux/arm64/v8", "linux/arm64/v9"),
            ("linux/arm/v6", "linux/arm"),
            ("linux/amd64/v3", "linux/amd64"),
            ("linux/arm64", "linux/arm"),
            ("linux/ppc64le/v8", "linux/ppc64le"),
        ] {
            assert!(!takes(wanted, other), "{wanted} does not take {other}");
        }
        assert!(platform("linux/arm64").is_same(&platform("linux/arm64/v8")));
        assert!(!platform("linux/arm").is_same(&platform("linux/arm/v6")));
    }
}
