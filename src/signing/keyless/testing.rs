//! A Fulcio and a Rekor for tests, which issue and log what a test wants.

use super::{Certificate, LogEntry, SignedContent};
use crate::oci::Digest;
use crate::signing::{PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SanType, SignatureAlgorithm, date_time_ymd,
};
use serde_json::json;
use std::time::Duration;

pub const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub const WORKFLOW: &str =
    "https://github.com/octo/shop/.github/workflows/release.yml@refs/heads/main";
/// When the certificates begin, in seconds since 1970.
pub const BEGIN: i64 = 1_800_000_000;
const MINUTES: u64 = 10;

pub struct TestSigstore {
    root: CertifiedIssuer<'static, KeyPair>,
    between: CertifiedIssuer<'static, KeyPair>,
    log: SigningKey,
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Issued {
    pub identity: SanType,
    /// Another that the same certificate is for.
    pub further: Option<SanType>,
    pub issuer: &'static str,
    pub usage: KeyUsagePurpose,
    pub purposes: Vec<ExtendedKeyUsagePurpose>,
}

/// A signature as it stands in a registry.
#[derive(Clone, Debug)]
pub struct Logged {
    /// In base64.
    pub signature: String,
    pub certificate: String,
    pub chain: String,
    pub entry: LogEntry,
}

impl Default for Issued {
    fn default() -> Self {
        Self {
            identity: SanType::URI(Ia5String::try_from(WORKFLOW).expect("ASCII")),
            further: None,
            issuer: ISSUER,
            usage: KeyUsagePurpose::DigitalSignature,
            purposes: vec![ExtendedKeyUsagePurpose::CodeSigning],
        }
    }
}

struct Point(PublicKey);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        self.0.point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(BEGIN.unsigned_abs() - 60);
    params.not_after = params.not_before + Duration::from_hours(24);
    params
}

impl TestSigstore {
    pub fn new() -> Self {
        let key = || KeyPair::generate().expect("a key");
        let root = CertifiedIssuer::self_signed(authority("root"), key()).expect("a root");
        let between = CertifiedIssuer::signed_by(authority("between"), key(), &root);
        Self { root, between: between.expect("signed"), log: SigningKey::generate() }
    }

    /// The root, and the certificate below it.
    pub fn roots(&self) -> String {
        format!("{}{}", self.between.pem(), self.root.pem())
    }

    pub fn root(&self) -> String {
        self.root.pem()
    }

    pub fn log_key(&self) -> PublicKey {
        self.log.public_key()
    }

    /// A certificate for a key, valid for ten minutes from `BEGIN` on.
    pub fn issue(&self, key: &SigningKey, issued: &Issued) -> Certificate {
        self.issue_for(key.public_key(), issued)
    }

    pub fn issue_for(&self, key: PublicKey, issued: &Issued) -> Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.subject_alt_names = vec![issued.identity.clone()];
        params.subject_alt_names.extend(issued.further.clone());
        params.key_usages = vec![issued.usage];
        params.extended_key_usages = issued.purposes.clone();
        let text = issued.issuer.as_bytes();
        let length = u8::try_from(text.len()).expect("a short text");
        let new = [[0x0c, length].as_slice(), text].concat();
        if !text.is_empty() {
            params.custom_extensions = vec![
                CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, 1], text.to_vec()),
                CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, 8], new),
            ];
        }
        params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(BEGIN.unsigned_abs());
        params.not_after = params.not_before + Duration::from_mins(MINUTES);
        let made = params.signed_by(&Point(key), &self.between);
        Certificate::of_der(made.expect("signed").der().to_vec()).expect("a certificate")
    }

    /// Logs a signature.
    pub fn log(&self, signed: &SignedContent<'_>, certificate: &str, at: i64) -> LogEntry {
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {
                    "hash": { "algorithm": "sha256", "value": Digest::of(signed.message).hex() },
                },
                "signature": {
                    "content": STANDARD.encode(signed.signature),
                    "publicKey": { "content": STANDARD.encode(certificate) },
                },
            },
        });
        self.promise(&body.to_string(), at)
    }

    /// An entry with this body.
    pub fn promise(&self, body: &str, at: i64) -> LogEntry {
        let body = STANDARD.encode(body);
        let id = hex::encode([7; 32]);
        let signed = format!(
            "{{\"body\":\"{body}\",\"integratedTime\":{at},\"logID\":\"{id}\",\"logIndex\":42}}"
        );
        let promise = self.log.sign(signed.as_bytes());
        LogEntry { body, integrated_time: at, log_index: 42, log_id: id, promise, proof: None }
    }

    /// The log's signature over the text of a checkpoint.
    pub fn sign_checkpoint(&self, note: &str) -> Vec<u8> {
        self.log.sign(note.as_bytes())
    }

    /// Signs a payload with a new key, five minutes after its certificate begins.
    pub fn sign(&self, payload: &[u8], issued: &Issued) -> Logged {
        let key = SigningKey::generate();
        let certificate = self.issue(&key, issued).to_pem();
        let signature = key.sign(payload);
        let signed = SignedContent { message: payload, payload, signature: &signature };
        let entry = self.log(&signed, &certificate, BEGIN + 300);
        let (signature, chain) = (STANDARD.encode(signature), self.between.pem());
        Logged { signature, certificate, chain, entry }
    }
}
