//! The signatures of a manifest, where cosign keeps them (cosign, `specs/SIGNATURE_SPEC.md`):
//! an image under the tag `sha256-….sig`, of which each layer is one signature.
//!
//! What a signature means is not known here.

mod add;
mod list;

pub use add::NewSignature;
pub use list::StoredSignature;

use crate::oci::{Digest, Reference};

/// The media type of a payload.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation of a layer that holds its signature, in base64.
const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// The name of the signatures of a manifest.
pub fn signature_tag(image: &Reference, digest: &Digest) -> Reference {
    image.with_tag(&format!("{}-{}.sig", digest.algorithm(), digest.hex()))
}

#[cfg(test)]
mod tests;
