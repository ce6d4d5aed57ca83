//! What the images that the plan names stand for, as the preflight found it.

use crate::oci::Reference;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What a reference stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PinnedImage {
    /// The single image for the platform of the target, by its digest.
    Digest(Reference),
    /// It can be read only by the identity that the service pulls with.
    Unreadable { why: String },
}

/// The pinned images of a run, by the references of the plan.
#[derive(Debug, Default)]
pub struct PinnedImages(Mutex<BTreeMap<Reference, PinnedImage>>);

impl PinnedImages {
    pub fn insert(&self, reference: &Reference, pin: PinnedImage) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(reference.clone(), pin);
    }

    pub fn get(&self, reference: &Reference) -> Option<PinnedImage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(reference).cloned()
    }
}
