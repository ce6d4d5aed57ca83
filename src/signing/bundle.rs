//! Signatures in bundles of Sigstore, as cosign 3 makes them: a statement of in-toto about
//! the image, signed in an envelope (DSSE, `protocol.md`; sigstore/protobuf-specs,
//! `sigstore_bundle.proto`).

use crate::oci::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What the media types of bundles begin with, in all versions.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The predicate of a signature. Other statements, such as a provenance, are signed too, and
/// say something else of the image.
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// A signature in a bundle.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    /// What is signed.
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
    /// What image it is a signature of, or why that cannot be told. To be believed only once
    /// the signature is verified.
    pub digest: Result<Digest, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleDocument {
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    predicate_type: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: Option<String>,
}

impl Bundle {
    /// Whether content of this media type is a bundle.
    pub fn has_media_type(media_type: &str) -> bool {
        media_type.starts_with(MEDIA_TYPE)
    }

    /// Reads a bundle. `None` for one that is not a signature of an image, such as a signed
    /// provenance.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let Envelope { payload, payload_type, signatures } =
            serde_json::from_slice::<BundleDocument>(bytes).ok()?.dsse_envelope;
        let [EnvelopeSignature { sig }] = signatures.as_slice() else { return None };
        let statement = STANDARD.decode(payload).ok()?;
        let read: Statement = serde_json::from_slice(&statement).ok()?;
        if payload_type != IN_TOTO || read.predicate_type != SIGNATURE {
            return None;
        }
        // The pre-authentication encoding of DSSE.
        let head = format!("DSSEv1 {} {IN_TOTO} {} ", IN_TOTO.len(), statement.len());
        let message = [head.as_bytes(), &statement].concat();
        let signature = STANDARD.decode(sig).ok()?;
        Some(Self { message, signature, digest: digest_of(&read.subject) })
    }
}

fn digest_of(subjects: &[Subject]) -> Result<Digest, String> {
    let [Subject { digest: SubjectDigest { sha256: Some(hex) } }] = subjects else {
        return Err("its statement does not name one image".to_owned());
    };
    let digest = format!("sha256:{hex}").parse();
    digest.map_err(|_| format!("`{hex}` in its statement is no digest"))
}

#[cfg(test)]
mod tests {
    use super::Bundle;
    use crate::oci::Digest;
    use crate::signing::testing::{bundle_of, plain_key};
    use serde_json::json;

    #[test]
    fn signed_statement_about_an_image_is_read() {
        let digest = Digest::of(b"image");
        let subject = json!([{ "digest": { "sha256": digest.hex() } }]);

        let bundle = Bundle::parse(&bundle_of("https://sigstore.dev/cosign/sign/v1", &subject));

        let bundle = bundle.expect("a signature");
        assert!(plain_key().public_key().verifies(&bundle.message, &bundle.signature));
        assert_eq!(bundle.digest, Ok(digest));
        let subjects = |subject| {
            let read = Bundle::parse(&bundle_of("https://sigstore.dev/cosign/sign/v1", &subject));
            read.expect("a signature").digest
        };
        assert_eq!(subjects(json!([])), Err("its statement does not name one image".to_owned()));
        assert_eq!(
            subjects(json!([{ "digest": { "sha256": "v1" } }])),
            Err("`v1` in its statement is no digest".to_owned())
        );
    }

    #[test]
    fn what_is_no_signature_of_an_image_is_passed_over() {
        let provenance = bundle_of("https://slsa.dev/provenance/v1", &json!([]));
        assert_eq!(Bundle::parse(&provenance), None);
        assert_eq!(Bundle::parse(br#"{"messageSignature":{}}"#), None);
        assert!(Bundle::has_media_type("application/vnd.dev.sigstore.bundle.v0.3+json"));
        assert!(Bundle::has_media_type("application/vnd.dev.sigstore.bundle+json;version=0.2"));
    }
}
