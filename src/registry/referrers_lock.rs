//! Locks for lists of referrers that clients maintain under a tag.
//!
//! Registries offer no conditional write. Within one process, writers of the same
//! list take turns; other processes are handled by reading the list again.

use crate::oci::Reference;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// One lock for each list that this process writes.
#[derive(Default)]
pub struct ReferrersLocks {
    lists: Mutex<BTreeMap<Reference, Arc<tokio::sync::Mutex<()>>>>,
}

impl ReferrersLocks {
    /// Waits for the exclusive right to write the list under a tag.
    pub async fn lock(&self, tag: &Reference) -> OwnedMutexGuard<()> {
        let list = {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.entry(tag.clone()).or_default().clone()
        };
        list.lock_owned().await
    }
}
