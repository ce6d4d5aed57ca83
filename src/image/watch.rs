//! What long work on an image looks at and tells while it goes on.

use crate::oci::Descriptor;
use crate::progress::Tally;
use std::sync::atomic::AtomicBool;

/// What long work on an image looks at and tells while it goes on.
#[derive(Clone)]
pub struct Watch<'a> {
    /// Whether to stop. Looked at all along.
    pub stop: &'a AtomicBool,
    /// Is told of each blob that is in the store while much is not yet, on
    /// whatever thread brought it.
    pub early: &'a (dyn Fn(&Descriptor) + Sync),
    /// Counts what was read of each blob that has to be made or brought.
    pub tally: Tally,
}

impl<'a> Watch<'a> {
    /// Nobody is told anything.
    pub fn new(stop: &'a AtomicBool) -> Self {
        Self { stop, early: &|_| (), tally: Tally::default() }
    }
}
