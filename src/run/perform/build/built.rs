//! What a Dockerfile build gives.

use crate::image::Image;
use crate::oci::{Digest, Reference};
use std::collections::BTreeMap;

/// The images of a build.
#[derive(Debug, Default)]
pub struct BuiltImages {
    /// One for each platform, in their order.
    pub images: Vec<Image>,
    /// The repository of each blob that is not in the store.
    pub origins: BTreeMap<Digest, Reference>,
    /// The tags under which a registry has built them.
    pub tags: Vec<Reference>,
}

impl From<Vec<Image>> for BuiltImages {
    fn from(images: Vec<Image>) -> Self {
        Self { images, ..Self::default() }
    }
}
