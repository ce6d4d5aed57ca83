//! What this process has seen a registry hold.
//!
//! It only saves questions. Whether a blob is really there is for the registry
//! to say, which refuses a manifest whose blobs it lacks.

use crate::registry::Digest;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Which blobs are in which repositories.
#[derive(Default)]
pub(in crate::registry) struct Memory(Mutex<BTreeSet<(String, Digest)>>);

impl Memory {
    /// Whether a blob was seen in a repository, `host/repository`.
    pub(super) fn knows(&self, name: &str, digest: &Digest) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.contains(&(name.to_owned(), digest.clone()))
    }

    /// A blob is in a repository.
    pub(super) fn seen(&self, name: &str, digest: &Digest) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((name.to_owned(), digest.clone()));
    }

    /// A repository has not got what it was believed to have.
    pub(super) fn forget(&self, name: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|(of, _)| of != name);
    }
}
