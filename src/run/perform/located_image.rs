//! An image and where its blobs are.

use crate::image::{Image, Product};
use crate::oci::{Digest, Reference};
use std::collections::BTreeMap;

/// An image or index whose manifests are in the store.
#[derive(Debug)]
pub struct LocatedImage {
    pub product: Product,
    /// The repository of each blob that may be missing from the store, by digest.
    pub origins: BTreeMap<Digest, Reference>,
    /// The tags under which a registry has built it, which are to go once it is pushed.
    pub build_tags: Vec<Reference>,
}

impl LocatedImage {
    /// An image, and where what is not in the store is.
    pub fn new(product: impl Into<Product>, origins: BTreeMap<Digest, Reference>) -> Self {
        Self { product: product.into(), origins, build_tags: Vec::new() }
    }
}

impl From<Image> for LocatedImage {
    fn from(image: Image) -> Self {
        Self::new(image, BTreeMap::new())
    }
}
