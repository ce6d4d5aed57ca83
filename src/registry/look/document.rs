//! A manifest as far as a list shows it: an image, an index, or anything else
//! that a registry keeps. Pure.

use super::HeldKind;
use super::time;
use crate::oci::{Descriptor, media_type};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Docker's configuration of an image.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// OCI image specification, "Pre-Defined Annotation Keys".
const CREATED: &str = "org.opencontainers.image.created";

/// A manifest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Document {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Vec<Descriptor>,
    subject: Option<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
    annotations: BTreeMap<String, String>,
}

/// What a configuration says.
#[derive(Clone, Debug)]
pub(super) struct Configured {
    pub(super) platform: String,
    pub(super) created: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    os: String,
    architecture: String,
    variant: Option<String>,
    created: Option<String>,
}

impl Document {
    /// Reads it. `None` for what is no manifest of the second kind.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes).ok()?;
        (read.config.is_some() || read.manifests.is_some()).then_some(read)
    }

    pub(super) fn is_index(&self) -> bool {
        self.manifests.is_some()
    }

    /// What it is.
    pub(super) fn kind(&self) -> HeldKind {
        if self.is_index() {
            return HeldKind::Index;
        }
        if self.image_config().is_some() && self.artifact_type.is_none() {
            return HeldKind::Image;
        }
        HeldKind::Artifact(self.artifact_type().unwrap_or_default().to_owned())
    }

    /// What it says that it is, or else its configuration (distribution
    /// specification, "Listing Referrers").
    fn artifact_type(&self) -> Option<&str> {
        let config = self.config.as_ref().map(|config| config.media_type.as_str());
        self.artifact_type.as_deref().or(config)
    }

    /// Its configuration, where that is one of an image.
    pub(super) fn image_config(&self) -> Option<&Descriptor> {
        let known = [media_type::CONFIG, DOCKER_CONFIG];
        self.config.as_ref().filter(|config| known.contains(&config.media_type.as_str()))
    }

    /// What it is attached to.
    pub(super) fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Configuration and layers.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }

    /// All that an index lists.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().flatten()
    }

    /// The images of an index, without what build tools attach to them.
    pub(super) fn platforms(&self) -> impl Iterator<Item = &Descriptor> {
        let attached = |entry: &&Descriptor| {
            entry.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
        };
        self.manifests.iter().flatten().filter(move |entry| !attached(entry))
    }

    /// When it was made, as an annotation says.
    pub(super) fn created(&self) -> Option<Timestamp> {
        self.annotations.get(CREATED).and_then(|text| time::known(text))
    }
}

impl Configured {
    /// Reads a configuration; one that cannot be read says nothing.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let config: Config = serde_json::from_slice(bytes).unwrap_or_default();
        let parts = [Some(config.os), Some(config.architecture), config.variant];
        let parts: Vec<String> =
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        Self { platform: parts.join("/"), created: config.created.as_deref().and_then(time::known) }
    }
}
