//! The manifests that can be pulled: images and indexes.

use crate::oci::{Descriptor, Manifest, media_type};

/// The largest manifest that is read, in bytes: what Azure and other registries
/// accept.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// The content of a manifest.
pub enum ManifestContent {
    Image {
        config: Box<Descriptor>,
        /// The lowest first.
        layers: Vec<Descriptor>,
    },
    Index(Vec<Descriptor>),
}

impl ManifestContent {
    /// Reads a manifest and returns its media type with its content.
    ///
    /// `declared` is the type that the registry gave. Where that is not the type of
    /// a manifest (some storage answers `text/plain`), the manifest itself decides.
    pub fn parse(declared: &str, bytes: &[u8]) -> Result<(String, Self), String> {
        let read: Manifest = serde_json::from_slice(bytes)
            .map_err(|error| format!("the manifest cannot be read: {error}"))?;
        if read.schema_version == Some(1) {
            return Err("the manifest is of Docker's first kind, which has no digests".to_owned());
        }
        let known = |kind: &&str| media_type::MANIFESTS.contains(kind);
        let own = read.media_type.as_deref().filter(known);
        let declared = Some(declared).filter(known);
        if let (Some(own), Some(declared)) = (own, declared)
            && own != declared
        {
            return Err(format!("the manifest says that it is `{own}`, the registry `{declared}`"));
        }
        let kind = own.or(declared);
        match (read.manifests, read.config, read.layers) {
            (Some(manifests), None, None) => {
                Ok((kind.unwrap_or(media_type::INDEX).to_owned(), Self::Index(manifests)))
            }
            (None, Some(config), Some(layers)) => {
                let content = Self::Image { config: Box::new(config), layers };
                Ok((kind.unwrap_or(media_type::MANIFEST).to_owned(), content))
            }
            (_, _, _) => Err("the manifest is neither an image nor an index".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ManifestContent;
    use crate::oci::media_type;

    #[test]
    fn the_kind_of_a_manifest_is_read_from_its_fields() {
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        let (kind, read) = ManifestContent::parse("text/plain", index).expect("an index");
        assert_eq!(kind, media_type::INDEX);
        assert!(matches!(read, ManifestContent::Index(of) if of.is_empty()));
    }

    #[test]
    fn text_that_is_not_a_manifest_is_refused() {
        let read =
            |declared: &str, text: &str| match ManifestContent::parse(declared, text.as_bytes()) {
                Ok((kind, _)) => kind,
                Err(error) => error,
            };

        assert_eq!(
            read("", "<html>"),
            "the manifest cannot be read: expected value at line 1 column 1"
        );
        assert_eq!(read("", "{}"), "the manifest is neither an image nor an index");
        assert_eq!(
            read("", r#"{"manifests":[],"layers":[]}"#),
            "the manifest is neither an image nor an index"
        );
        assert_eq!(
            read("", r#"{"schemaVersion":1}"#),
            "the manifest is of Docker's first kind, which has no digests"
        );
        assert_eq!(
            read(
                media_type::MANIFEST,
                r#"{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
            ),
            "the manifest says that it is `application/vnd.oci.image.index.v1+json`, \
             the registry `application/vnd.oci.image.manifest.v1+json`"
        );
    }
}
