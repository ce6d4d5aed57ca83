//! Signatures in bundles of Sigstore, as cosign 3 makes them: a statement of in-toto about
//! the image, signed in an envelope (DSSE, `protocol.md`; sigstore/protobuf-specs,
//! `sigstore_bundle.proto`).

use super::keyless::{
    Certificate, InclusionProof, KeylessEvidence, KeylessRefusal, LogEntry, SignedContent, escaped,
    quoted,
};
use crate::oci::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What the media types of bundles begin with, in all versions.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The predicate of a signature. Other statements, such as a provenance, are signed too, and
/// say something else of the image.
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// How many entries of transparency logs one bundle may have, as for other programs that read
/// bundles: each costs the verification of a signature.
const MAX_ENTRIES: usize = 32;

/// A signature in a bundle.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    /// What is signed.
    message: Vec<u8>,
    /// The statement in it.
    statement: Vec<u8>,
    signature: Vec<u8>,
    /// Whose key made it, where a certificate says so.
    pub evidence: Result<KeylessEvidence, KeylessRefusal>,
    /// What image it is a signature of, or why that cannot be told. To be believed only once
    /// the signature is verified.
    pub digest: Result<Digest, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleDocument {
    dsse_envelope: Envelope,
    #[serde(default)]
    verification_material: Material,
}

/// What the signature is verified by.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Material {
    certificate: Option<RawBytes>,
    /// In bundles before version 0.3.
    #[serde(rename = "x509CertificateChain", deserialize_with = "or_default")]
    chain: CertificateChain,
    #[serde(deserialize_with = "or_default")]
    /// Read one by one, so that one that cannot be read does not hide the others.
    tlog_entries: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CertificateChain {
    #[serde(deserialize_with = "or_default")]
    certificates: Vec<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBytes {
    raw_bytes: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TransparencyEntry {
    /// A number in text, as Protobuf writes it.
    log_index: Value,
    #[serde(deserialize_with = "or_default")]
    log_id: LogId,
    integrated_time: Value,
    #[serde(deserialize_with = "or_default")]
    inclusion_promise: InclusionPromise,
    inclusion_proof: Option<Proof>,
    canonicalized_body: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct InclusionPromise {
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    #[serde(default)]
    log_index: Value,
    #[serde(default, deserialize_with = "or_default")]
    hashes: Vec<String>,
    /// Bundles before version 0.2 may have none.
    checkpoint: Option<Checkpoint>,
}

#[derive(Deserialize)]
struct Checkpoint {
    envelope: String,
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
        let BundleDocument { dsse_envelope, verification_material } =
            serde_json::from_slice(bytes).ok()?;
        let Envelope { payload, payload_type, signatures } = dsse_envelope;
        let [EnvelopeSignature { sig }] = signatures.as_slice() else { return None };
        let statement = STANDARD.decode(payload).ok()?;
        let read: Statement = serde_json::from_slice(&statement).ok()?;
        if payload_type != IN_TOTO || read.predicate_type != SIGNATURE {
            return None;
        }
        // The pre-authentication encoding of DSSE.
        let head = format!("DSSEv1 {} {IN_TOTO} {} ", IN_TOTO.len(), statement.len());
        let message = [head.as_bytes(), &statement].concat();
        let digest = digest_of(&read.subject);
        let (signature, evidence) = match STANDARD.decode(sig) {
            Ok(signature) => (signature, verification_material.evidence()),
            Err(error) => (Vec::new(), Err(unreadable(error))),
        };
        Some(Self { message, statement, signature, evidence, digest })
    }

    /// What is signed, and the signature.
    pub fn content(&self) -> SignedContent<'_> {
        let Self { message, statement, signature, .. } = self;
        SignedContent { message, payload: statement, signature }
    }
}

impl Material {
    fn evidence(self) -> Result<KeylessEvidence, KeylessRefusal> {
        let damaged = KeylessRefusal::Damaged;
        let all = self.certificate.into_iter().chain(self.chain.certificates);
        let all = all.map(|one| STANDARD.decode(one.raw_bytes).map_err(unreadable));
        let mut all = all.collect::<Result<Vec<_>, _>>()?.into_iter();
        let certificate = Certificate::of_der(all.next().ok_or(KeylessRefusal::NoCertificate)?)
            .map_err(|error| damaged(format!("its certificate {error}")))?;
        let chain = all.map(CertificateDer::from).collect();
        let count = self.tlog_entries.len();
        if count > MAX_ENTRIES {
            return Err(damaged(format!(
                "its bundle has {count} entries of transparency logs, and at most {MAX_ENTRIES} \
                 are read"
            )));
        }
        let entries = self.tlog_entries.into_iter().map(TransparencyEntry::read).collect();
        Ok(KeylessEvidence { certificate, chain, entries })
    }
}

impl TransparencyEntry {
    fn read(value: Value) -> Result<LogEntry, KeylessRefusal> {
        let read: Self = serde_json::from_value(value).map_err(unreadable)?;
        read.entry().map_err(unreadable)
    }

    fn entry(self) -> Result<LogEntry, base64::DecodeError> {
        Ok(LogEntry {
            body: self.canonicalized_body,
            integrated_time: number(&self.integrated_time),
            log_index: number(&self.log_index),
            log_id: hex::encode(STANDARD.decode(self.log_id.key_id)?),
            promise: STANDARD.decode(self.inclusion_promise.signed_entry_timestamp)?,
            proof: self.inclusion_proof.map(Proof::proof).transpose()?.flatten(),
        })
    }
}

impl Proof {
    /// `None` without a checkpoint: nothing signed is proved by it then.
    fn proof(self) -> Result<Option<InclusionProof>, base64::DecodeError> {
        let Some(Checkpoint { envelope: checkpoint }) = self.checkpoint else { return Ok(None) };
        let hashes = self.hashes.iter().map(|hash| STANDARD.decode(hash));
        let index = u64::try_from(number(&self.log_index)).unwrap_or(u64::MAX);
        Ok(Some(InclusionProof { index, hashes: hashes.collect::<Result<_, _>>()?, checkpoint }))
    }
}

fn unreadable(error: impl std::error::Error) -> KeylessRefusal {
    let why = escaped(&error.to_string());
    KeylessRefusal::Damaged(format!("its bundle cannot be read: {why}"))
}

/// A field that is `null` has its default value in the JSON of Protobuf.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A number, 0 for anything else: the log has signed it.
fn number(value: &Value) -> i64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    text.or_else(|| value.as_i64()).unwrap_or_default()
}

fn digest_of(subjects: &[Subject]) -> Result<Digest, String> {
    let [Subject { digest: SubjectDigest { sha256: Some(hex) } }] = subjects else {
        return Err("its statement does not name one image".to_owned());
    };
    let digest = format!("sha256:{hex}").parse();
    digest.map_err(|_| format!("{} in its statement is no digest", quoted(hex)))
}

#[cfg(test)]
mod tests {
    use super::Bundle;
    use crate::oci::Digest;
    use crate::signing::KeylessRefusal;
    use crate::signing::testing::{bundle_of, bundle_with, plain_key, statement_of};
    use serde_json::json;

    #[test]
    fn signed_statement_about_an_image_is_read() {
        let digest = Digest::of(b"image");
        let subject = json!([{ "digest": { "sha256": digest.hex() } }]);

        let bundle = Bundle::parse(&bundle_of("https://sigstore.dev/cosign/sign/v1", &subject));

        let bundle = bundle.expect("a signature");
        let content = bundle.content();
        assert!(plain_key().public_key().verifies(content.message, content.signature));
        assert_eq!(bundle.evidence, Err(KeylessRefusal::NoCertificate));
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
    fn unreadable_certificate_or_entry_is_said() {
        let kind = "https://sigstore.dev/cosign/sign/v1";
        let statement = statement_of(kind, &json!([]));
        let evidence = |material: serde_json::Value| {
            let bundle = bundle_with(&material, &statement, b"signature");
            Bundle::parse(&bundle).expect("a signature").evidence.expect_err("refused").text()
        };
        assert_eq!(
            evidence(json!({ "certificate": { "rawBytes": "?" } })),
            "damaged: its bundle cannot be read: Invalid symbol 63, offset 0."
        );
        let unreadable = evidence(json!({ "certificate": { "rawBytes": "YWJj" } }));
        let start = "damaged: its certificate cannot be read: ";
        assert!(unreadable.starts_with(start), "{unreadable}");
        assert_eq!(evidence(json!({})), "by a key, without a certificate");
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
