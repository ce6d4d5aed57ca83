//! What a manifest and a configuration say about an image. Pure.

use super::listed::ListedKind;
use super::time;
use crate::oci::{Descriptor, ImageConfig, Manifest};
use jiff::Timestamp;

/// Image specification, "Pre-Defined Annotation Keys".
const CREATED: &str = "org.opencontainers.image.created";

/// The part of a configuration that a listing shows.
#[derive(Clone, Debug)]
pub struct ConfigSummary {
    /// `linux/amd64`, as far as the configuration names it.
    pub platform: String,
    pub created: Option<Timestamp>,
}

impl ConfigSummary {
    /// Reads a configuration. An unreadable one is an empty summary.
    pub fn parse(bytes: &[u8]) -> Self {
        let config: ImageConfig = serde_json::from_slice(bytes).unwrap_or_default();
        let created = config.created.as_deref().and_then(time::meaningful);
        let parts = [Some(config.os), Some(config.architecture), config.variant];
        let parts: Vec<String> =
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        Self { platform: parts.join("/"), created }
    }
}

/// Reads a manifest. `None` for anything else, such as Docker's manifests of
/// schema 1.
pub fn parse(bytes: &[u8]) -> Option<Manifest> {
    let manifest: Manifest = serde_json::from_slice(bytes).ok()?;
    (manifest.config.is_some() || manifest.manifests.is_some()).then_some(manifest)
}

pub fn kind(manifest: &Manifest) -> ListedKind {
    if manifest.is_index() {
        return ListedKind::Index;
    }
    if manifest.image_config().is_some() && manifest.artifact_type.is_none() {
        return ListedKind::Image;
    }
    // Without a type of its own, an artifact has that of its configuration
    // (distribution specification, "Listing Referrers").
    let config = manifest.config.as_ref().map(|config| config.media_type.as_str());
    let artifact_type = manifest.artifact_type.as_deref().or(config);
    ListedKind::Artifact(artifact_type.unwrap_or_default().to_owned())
}

/// The images that an index lists, without the attestations that build tools add
/// as images for the platform `unknown/unknown`.
pub fn platforms(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    let attestation = |entry: &&Descriptor| {
        entry.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
    };
    manifest.entries().iter().filter(move |entry| !attestation(entry))
}

/// The creation time in the annotations.
pub fn created(manifest: &Manifest) -> Option<Timestamp> {
    manifest.annotations.get(CREATED).and_then(|text| time::meaningful(text))
}
