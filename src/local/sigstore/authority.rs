//! The keys and certificates of the Fulcio, and the key of the Rekor, kept in one file.

use crate::local::files::{FileError, read_json, write_json};
use crate::local::hidden::Hidden;
use jiff::Timestamp;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SignatureAlgorithm, SigningKey as _,
    date_time_ymd,
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// How long the authority is valid.
const AUTHORITY_VALIDITY: Duration = Duration::from_hours(10 * 365 * 24);
/// How long a certificate is, as at Fulcio.
const VALIDITY: Duration = Duration::from_mins(10);
/// The object identifiers of who issued the token (Fulcio, `docs/oid-info.md`): the bare text,
/// and the same in DER.
const EARLY_ISSUER: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 1];
const ISSUER: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 8];

#[derive(Debug, thiserror::Error)]
pub enum SigningAuthorityError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot make the signing authority of the local cloud")]
    Certificate(#[from] rcgen::Error),
}

pub struct SigningAuthority {
    kept: Kept,
    between: Issuer<'static, KeyPair>,
    log_key: KeyPair,
}

/// What survives a restart, all of it in PEM.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Kept {
    root: String,
    between: String,
    between_key: Hidden,
    log_key: Hidden,
}

/// What a certificate says.
pub struct CertificateContent<'a> {
    /// The point of the key on P-256.
    pub point: &'a [u8],
    /// A mail address, or else a URI.
    pub identity: &'a str,
    pub issuer: &'a str,
}

struct Point<'a>(&'a [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningAuthority {
    pub fn open(path: &Path) -> Result<Self, SigningAuthorityError> {
        let kept = if let Some(kept) = read_json(path)? {
            kept
        } else {
            let made = Kept::make()?;
            write_json(path, &made)?;
            made
        };
        let between = KeyPair::from_pem(kept.between_key.expose())?;
        let between = Issuer::new(authority("shipway local fulcio intermediate"), between);
        let log_key = KeyPair::from_pem(kept.log_key.expose())?;
        Ok(Self { kept, between, log_key })
    }

    /// The certificate between, and the root.
    pub fn chain(&self) -> String {
        format!("{}{}", self.kept.between, self.kept.root)
    }

    /// The same, one by one.
    pub fn certificates(&self) -> [&str; 2] {
        [&self.kept.between, &self.kept.root]
    }

    pub fn log_key(&self) -> String {
        self.log_key.public_key_pem()
    }

    /// The subject public key info of the log's key.
    pub fn log_key_der(&self) -> Vec<u8> {
        self.log_key.subject_public_key_info()
    }

    /// The log's signature.
    pub fn promise(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.log_key.sign(message)
    }

    /// A certificate for some minutes, PEM.
    pub fn issue(&self, content: &CertificateContent<'_>) -> Result<String, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let identity = Ia5String::try_from(content.identity)?;
        let is_mail = content.identity.contains('@') && !content.identity.contains("://");
        params.subject_alt_names =
            vec![if is_mail { SanType::Rfc822Name(identity) } else { SanType::URI(identity) }];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.use_authority_key_identifier_extension = true;
        let issuer = content.issuer.as_bytes();
        params.custom_extensions = vec![
            CustomExtension::from_oid_content(&EARLY_ISSUER, issuer.to_vec()),
            CustomExtension::from_oid_content(&ISSUER, utf8_string(issuer)),
        ];
        set_validity(&mut params, VALIDITY);
        Ok(params.signed_by(&Point(content.point), &self.between)?.pem())
    }
}

impl Kept {
    fn make() -> Result<Self, rcgen::Error> {
        let mut params = authority("shipway local fulcio");
        set_validity(&mut params, AUTHORITY_VALIDITY);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let mut params = authority("shipway local fulcio intermediate");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        set_validity(&mut params, AUTHORITY_VALIDITY);
        let (between_key, log_key) = (KeyPair::generate()?, KeyPair::generate()?);
        Ok(Self {
            root: root.pem(),
            between: params.signed_by(&between_key, &root)?.pem(),
            between_key: Hidden::new(between_key.serialize_pem()),
            log_key: Hidden::new(log_key.serialize_pem()),
        })
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn set_validity(params: &mut CertificateParams, validity: Duration) {
    let since_1970 = Duration::from_secs(Timestamp::now().as_second().unsigned_abs());
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970;
    params.not_after = params.not_before + validity;
}

/// A `UTF8String` in DER (X.690, section 8.1.3).
fn utf8_string(text: &[u8]) -> Vec<u8> {
    let length = text.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![0x0c];
    match length {
        [short] if *short < 0x80 => der.push(*short),
        [] => der.push(0),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(text);
    der
}

#[cfg(test)]
mod tests {
    use super::utf8_string;

    #[test]
    fn texts_of_any_length_are_der() {
        assert_eq!(utf8_string(b""), [0x0c, 0]);
        assert_eq!(utf8_string(b"ab"), [0x0c, 2, b'a', b'b']);
        assert_eq!(utf8_string(&[b'x'; 200])[..3], [0x0c, 0x81, 200]);
        assert_eq!(utf8_string(&[b'x'; 300])[..4], [0x0c, 0x82, 1, 44]);
    }
}
