//! The entries of a listing.

use crate::oci::Digest;
use jiff::Timestamp;

/// The manifest that a tag, or a requested digest, stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedManifest {
    /// `None` for a manifest that was requested by digest.
    pub tag: Option<String>,
    /// The digest of the manifest or index.
    pub digest: Digest,
    pub media_type: String,
    pub kind: ListedKind,
    /// The stored size of all configurations and layers, each counted once, in
    /// bytes. `None` where it is not known.
    pub size: Option<u64>,
    pub platforms: Vec<ListedPlatform>,
    /// What an index lists besides its platforms, at any depth: attestations, and
    /// the entries of nested indexes.
    pub within: Vec<Digest>,
    /// The manifest that this one is attached to.
    pub subject: Option<Digest>,
    /// The creation time in the configuration or an annotation. The fixed times of
    /// reproducible builds count as missing.
    pub created: Option<Timestamp>,
    /// When the tag was last moved. Only Azure registries tell.
    pub updated: Option<Timestamp>,
}

/// What a manifest in a registry describes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListedKind {
    /// An image for one platform.
    Image,
    /// An index of images.
    Index,
    /// An artifact of this type, such as a chart or a signature.
    Artifact(String),
    /// A manifest that cannot be read.
    Unreadable,
    /// Requested by digest and not in the registry.
    Gone,
}

/// One platform of an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedPlatform {
    /// `linux/amd64`.
    pub platform: String,
    /// The digest of the platform's manifest.
    pub digest: Digest,
    /// Its configuration and layers, in bytes. `None` where its manifest is missing.
    pub size: Option<u64>,
}

impl ListedManifest {
    /// The later of the creation time and the time the tag was moved.
    pub fn newest(&self) -> Option<Timestamp> {
        self.created.max(self.updated)
    }

    /// Every digest that is deleted or kept with this manifest: its own, its
    /// platforms', and those of everything else it lists.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let platforms = self.platforms.iter().map(|one| &one.digest);
        std::iter::once(&self.digest).chain(platforms).chain(&self.within)
    }
}

/// Whether a tag belongs to another manifest: a tag of the referrers tag schema
/// (distribution specification 1.1, "Referrers Tag Schema"), or of cosign, which
/// adds a suffix to it.
pub fn is_referrer_tag(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let (hex, suffix) = rest.split_at_checked(64).unwrap_or((rest, "?"));
    hex.len() == 64
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        && matches!(suffix, "" | ".sig" | ".att" | ".sbom")
}

#[cfg(test)]
mod tests {
    use super::is_referrer_tag;

    #[test]
    fn tags_of_the_referrers_schema_and_of_cosign_are_recognised() {
        let hex = "0".repeat(64);
        for attached in [format!("sha256-{hex}"), format!("sha256-{hex}.sig")] {
            assert!(is_referrer_tag(&attached), "{attached}");
        }
        let others = ["sha256-1".to_owned(), "v1".to_owned(), format!("sha256-{hex}x")];
        for other in others {
            assert!(!is_referrer_tag(&other), "{other}");
        }
    }
}
