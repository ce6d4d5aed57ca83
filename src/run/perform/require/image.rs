//! The image of which something is required, and the indexes that list it.

use crate::oci::{Descriptor, Digest, Manifest, Reference};
use crate::registry::Client;
use crate::run::outcome::StepError;

/// An image of which something is required.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequiredImage {
    /// The image by the digest that is deployed.
    pub image: Reference,
    /// What the plan named or pushed, which may be an index that lists the image.
    pub named: Vec<Reference>,
}

/// The manifests of which a signature counts for an image.
pub struct KnownManifests {
    /// The image, by digest.
    pub image: Reference,
    /// The indexes that list it.
    pub indexes: Vec<KnownIndex>,
}

/// An index that lists the image.
pub struct KnownIndex {
    /// The index, by digest.
    pub reference: Reference,
    pub entries: Vec<Descriptor>,
}

impl KnownManifests {
    /// Finds the indexes. What is named and does not list the image is left out.
    pub async fn find(registry: &Client, image: &RequiredImage) -> Result<Self, StepError> {
        let RequiredImage { image, named } = image;
        let mut indexes: Vec<KnownIndex> = Vec::new();
        for named in named.iter().filter(|named| named.digest != image.digest) {
            let resolved = registry.resolve(named, None).await?;
            let manifest: Manifest = serde_json::from_slice(&resolved.bytes).unwrap_or_default();
            let entries = manifest.entries();
            if entries.iter().any(|entry| Some(&entry.digest) == image.digest.as_ref()) {
                let reference = named.with_digest(resolved.descriptor.digest);
                indexes.push(KnownIndex { reference, entries: entries.to_vec() });
            }
        }
        Ok(Self { image: image.clone(), indexes })
    }

    /// The image and its indexes, by digest.
    pub fn all(&self) -> impl Iterator<Item = (&Reference, &Digest)> {
        let indexes = self.indexes.iter().map(|index| &index.reference);
        let all = std::iter::once(&self.image).chain(indexes);
        all.filter_map(|one| Some((one, one.digest.as_ref()?)))
    }

    /// What people sign and know: the index, or else the image.
    pub fn shown(&self) -> &Reference {
        self.indexes.first().map_or(&self.image, |index| &index.reference)
    }
}
