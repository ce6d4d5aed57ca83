//! Whose turn it is to write a list of referrers.
//!
//! Registries cannot be asked to write only if nobody else did. Within one
//! process those that write the same list wait for each other.

use crate::oci::Reference;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// The lists that were written.
#[derive(Default)]
pub(in crate::registry) struct Turns {
    lists: Mutex<BTreeMap<Reference, Arc<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits until nobody else writes the list under a tag. The turn ends with
    /// what is given.
    pub(super) async fn take(&self, tag: &Reference) -> OwnedMutexGuard<()> {
        let list = {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.entry(tag.clone()).or_default().clone()
        };
        list.lock_owned().await
    }
}
