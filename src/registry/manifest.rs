//! Manifests and indexes, as far as a client must understand them.

use crate::oci::{Descriptor, media_type};
use serde::Deserialize;

/// The largest manifest that is read (what Azure and others allow).
pub(super) const MANIFEST_LIMIT: usize = 4 << 20;

/// What is asked for.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// What a manifest is.
pub(super) enum Manifest {
    /// One image.
    Image {
        /// Its configuration.
        config: Box<Descriptor>,
        /// Its layers, the lowest first.
        layers: Vec<Descriptor>,
    },
    /// Several images.
    Index(Vec<Descriptor>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Box<Descriptor>>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Reads a manifest of the kind that the registry says it is, or what it is
    /// in itself where the registry does not say.
    pub(super) fn parse(said: &str, bytes: &[u8]) -> Result<(String, Self), String> {
        let read: Read = serde_json::from_slice(bytes)
            .map_err(|error| format!("the manifest cannot be read: {error}"))?;
        if read.schema_version == Some(1) {
            return Err("the manifest is of Docker's first kind, which has no digests".to_owned());
        }
        let known = [
            media_type::MANIFEST,
            media_type::INDEX,
            media_type::DOCKER_MANIFEST,
            media_type::DOCKER_LIST,
        ];
        let own = read.media_type.as_deref().filter(|own| known.contains(own));
        let said = Some(said).filter(|said| known.contains(said));
        if let (Some(own), Some(said)) = (own, said)
            && own != said
        {
            return Err(format!("the manifest says that it is `{own}`, the registry `{said}`"));
        }
        match (read.manifests, read.config, read.layers) {
            (Some(manifests), None, None) => {
                let kind = own.or(said).unwrap_or(media_type::INDEX).to_owned();
                Ok((kind, Self::Index(manifests)))
            }
            (None, Some(config), Some(layers)) => {
                let kind = own.or(said).unwrap_or(media_type::MANIFEST).to_owned();
                Ok((kind, Self::Image { config, layers }))
            }
            (_, _, _) => Err("the manifest is neither an image nor an index".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Manifest, media_type};

    #[test]
    fn what_a_manifest_is_shows_in_itself() {
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        let (kind, read) = Manifest::parse("text/plain", index).expect("an index");
        assert_eq!(kind, media_type::INDEX);
        assert!(matches!(read, Manifest::Index(of) if of.is_empty()));
    }

    #[test]
    fn what_is_no_manifest_is_said_to_be_none() {
        let read = |said: &str, text: &str| match Manifest::parse(said, text.as_bytes()) {
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
