//! What is signed, and the signatures of it.

use crate::oci::{Digest, Reference};
use crate::registry::Attached;

/// A manifest that was pushed, and is signed.
pub struct SignedManifest<'a> {
    pub digest: &'a Digest,
    pub targets: &'a [Reference],
}

/// A signature that is in a repository.
pub struct AttachedSignature<'a> {
    pub repository: &'a Reference,
    pub attached: Attached,
    /// What is to be said of it, with a blank before it.
    pub how: String,
}
