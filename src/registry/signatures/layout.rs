//! The names of what signatures are made of.

use crate::oci::{Digest, Reference};

/// The media type of a payload.
pub const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation of a layer that holds its signature, in base64.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// The name of the signatures of a manifest.
pub fn signature_tag(image: &Reference, digest: &Digest) -> Reference {
    image.with_tag(&format!("{}-{}.sig", digest.algorithm(), digest.hex()))
}
