//! The names of what signatures are made of.

use crate::oci::{Descriptor, Digest, Reference};

/// The media type of a payload.
pub const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation of a layer that holds its signature, in base64.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// The name of the signatures of a manifest.
pub fn signature_tag(image: &Reference, digest: &Digest) -> Reference {
    image.with_tag(&format!("{}-{}.sig", digest.algorithm(), digest.hex()))
}

/// What stands beside a signature that was made by a key for it alone, each as text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeylessAnnotations {
    /// The certificate of the key, in PEM.
    pub certificate: Option<String>,
    /// The certificates by which that is verified, in PEM.
    pub chain: Option<String>,
    /// The entry in the transparency log, in JSON.
    pub entry: Option<String>,
}

const CERTIFICATE_ANNOTATION: &str = "dev.sigstore.cosign/certificate";
const CHAIN_ANNOTATION: &str = "dev.sigstore.cosign/chain";
const ENTRY_ANNOTATION: &str = "dev.sigstore.cosign/bundle";

impl KeylessAnnotations {
    pub(super) fn of(layer: &Descriptor) -> Self {
        let text = |name: &str| layer.annotations.get(name).cloned();
        Self {
            certificate: text(CERTIFICATE_ANNOTATION),
            chain: text(CHAIN_ANNOTATION),
            entry: text(ENTRY_ANNOTATION),
        }
    }

    pub(super) fn add_to(&self, layer: &mut Descriptor) {
        for (name, text) in [
            (CERTIFICATE_ANNOTATION, &self.certificate),
            (CHAIN_ANNOTATION, &self.chain),
            (ENTRY_ANNOTATION, &self.entry),
        ] {
            if let Some(text) = text {
                layer.annotations.insert(name.to_owned(), text.clone());
            }
        }
    }
}
