//! The signatures of a manifest, where cosign keeps them (cosign, `specs/SIGNATURE_SPEC.md`):
//! an image under the tag `sha256-….sig`, of which each layer is one signature.
//!
//! What a signature means is not known here.

mod add;
mod layout;
mod list;

pub use add::NewSignature;
pub use layout::{KeylessAnnotations, signature_tag};
pub use list::StoredSignature;

#[cfg(test)]
mod tests;
