//! The cancel flag and the progress reports that long work on an image shares with its
//! caller.

use crate::oci::Descriptor;
use crate::progress::Tally;
use std::sync::atomic::AtomicBool;

/// Shared with work on an image that may take long: cancels it and observes its progress.
#[derive(Clone)]
pub struct WorkControl<'a> {
    /// Set to cancel the work, which ends with an error soon after.
    pub stop: &'a AtomicBool,
    /// Called for each blob that is in the store while much of the work is still to do, on
    /// any thread. Lets an upload begin early.
    pub early: &'a (dyn Fn(&Descriptor) + Sync),
    /// Counts the bytes read of each blob that has to be built or copied.
    pub tally: Tally,
}

impl<'a> WorkControl<'a> {
    /// Without any reports.
    pub fn new(stop: &'a AtomicBool) -> Self {
        Self { stop, early: &|_| (), tally: Tally::default() }
    }
}
