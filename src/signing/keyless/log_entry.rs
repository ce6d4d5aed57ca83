//! Entries of a transparency log, as Rekor promises them (rekor, `openapi.yaml`): the log's
//! signature over an entry, which it made when the entry was added.

use super::certificate::Certificate;
use super::inclusion::InclusionProof;
use super::shown::{escaped, quoted};
use crate::oci::Digest;
use crate::signing::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

/// An entry with the promise of its log. Nothing of it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogEntry {
    /// What was logged, in base64.
    pub body: String,
    /// When it was, in seconds since 1970.
    pub integrated_time: i64,
    pub log_index: i64,
    /// The SHA-256 of the log's public key, in hexadecimal.
    pub log_id: String,
    /// The log's signature, its "signed entry timestamp".
    pub promise: Vec<u8>,
    /// `None` where none came with it.
    pub proof: Option<InclusionProof>,
}

/// What was signed, and the signature.
#[derive(Clone, Copy, Debug)]
pub struct SignedContent<'a> {
    /// What the signature is over.
    pub message: &'a [u8],
    /// What it says; in an envelope not the same.
    pub payload: &'a [u8],
    pub signature: &'a [u8],
}

/// The annotation of cosign that holds an entry.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Annotation {
    signed_entry_timestamp: String,
    payload: AnnotationPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnnotationPayload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// What is logged.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logged {
    api_version: String,
    #[serde(flatten)]
    body: Body,
}

/// The kinds of entries of signatures, all in this version.
const VERSION: &str = "0.0.1";

#[derive(Deserialize)]
#[serde(tag = "kind", content = "spec", rename_all = "camelCase")]
enum Body {
    Hashedrekord {
        data: HashedData,
        signature: HashedSignature,
    },
    #[serde(rename_all = "camelCase")]
    Dsse {
        payload_hash: Hash,
        signatures: Vec<EnvelopeSignature>,
    },
}

#[derive(Deserialize)]
struct HashedData {
    hash: Hash,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HashedSignature {
    content: String,
    public_key: HashedKey,
}

#[derive(Deserialize)]
struct HashedKey {
    content: String,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    signature: String,
    verifier: String,
}

impl LogEntry {
    /// Reads the annotation that cosign writes beside a signature.
    pub fn parse(text: &str) -> Result<Self, String> {
        let failed = |why: String| format!("its entry in the log cannot be read: {why}");
        let read: Annotation =
            serde_json::from_str(text).map_err(|error| failed(unreadable(error)))?;
        let promise = STANDARD.decode(&read.signed_entry_timestamp);
        let promise = promise.map_err(|error| failed(error.to_string()))?;
        let AnnotationPayload { body, integrated_time, log_index, log_id } = read.payload;
        Ok(Self { body, integrated_time, log_index, log_id, promise, proof: None })
    }

    /// The annotation for it.
    pub fn to_annotation(&self) -> String {
        json!({
            "SignedEntryTimestamp": STANDARD.encode(&self.promise),
            "Payload": {
                "body": self.body,
                "integratedTime": self.integrated_time,
                "logIndex": self.log_index,
                "logID": self.log_id,
            },
        })
        .to_string()
    }

    /// Whether the log with this key has promised the entry. It has signed the canonical JSON
    /// (RFC 8785), whose keys are in the order of the alphabet.
    pub fn is_promised_by(&self, key: &PublicKey) -> bool {
        let signed = json!({
            "body": self.body,
            "integratedTime": self.integrated_time,
            "logID": self.log_id,
            "logIndex": self.log_index,
        });
        key.verifies(signed.to_string().as_bytes(), &self.promise)
    }

    /// Why its proof does not hold, if it has one.
    pub fn check_proof(&self, key: &PublicKey) -> Result<(), &'static str> {
        let Some(proof) = &self.proof else { return Ok(()) };
        let body = STANDARD.decode(&self.body).map_err(|_| "its entry cannot be read")?;
        proof.check(&body, key)
    }

    /// What in the entry is not of this signature by this certificate; `None` where it is the
    /// entry of both.
    pub fn difference(
        &self,
        signed: &SignedContent<'_>,
        certificate: &Certificate,
    ) -> Result<Option<&'static str>, String> {
        let body = STANDARD.decode(&self.body).map_err(|error| error.to_string())?;
        let Logged { api_version, body } = serde_json::from_slice(&body).map_err(unreadable)?;
        if api_version != VERSION {
            return Err(format!("it has version {}", quoted(&api_version)));
        }
        let (hash, content, signature, verifier) = match body {
            Body::Hashedrekord { data, signature } => {
                (data.hash, signed.message, signature.content, signature.public_key.content)
            }
            Body::Dsse { payload_hash, mut signatures } => {
                match (signatures.pop(), signatures.len()) {
                    (Some(EnvelopeSignature { signature, verifier }), 0) => {
                        (payload_hash, signed.payload, signature, verifier)
                    }
                    _ => return Err("it is not of one signature".to_owned()),
                }
            }
        };
        let decoded = |text: &str| STANDARD.decode(text).map_err(|error| error.to_string());
        let verifier = decoded(&verifier)?;
        let logged = Certificate::parse(&String::from_utf8_lossy(&verifier));
        if hash.algorithm != "sha256" || hash.value != Digest::of(content).hex() {
            return Ok(Some("payload"));
        }
        if decoded(&signature)? != signed.signature {
            return Ok(Some("signature"));
        }
        let is_same = logged.is_ok_and(|logged| logged.der == certificate.der);
        Ok((!is_same).then_some("certificate"))
    }
}

/// Why JSON cannot be read. The message may quote a text of it.
#[expect(clippy::needless_pass_by_value, reason = "it is mapped from an error")]
fn unreadable(error: serde_json::Error) -> String {
    escaped(&error.to_string())
}
