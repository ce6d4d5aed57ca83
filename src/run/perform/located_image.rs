//! An image and where its blobs are.

use crate::image::{Image, Product};
use crate::oci::{Digest, Reference};
use std::collections::BTreeMap;

/// An image or index whose manifests are in the store.
pub struct LocatedImage {
    pub product: Product,
    /// The repository of each blob that may be missing from the store, by digest.
    pub origins: BTreeMap<Digest, Reference>,
}

impl From<Image> for LocatedImage {
    fn from(image: Image) -> Self {
        Self { product: image.into(), origins: BTreeMap::new() }
    }
}
