//! Certificates of Fulcio: whose key it was that made one signature.

use super::shown::quoted;
use crate::signing::PublicKey;
use rustls::pki_types::CertificateDer;
use x509_cert::der::asn1::Utf8StringRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};

/// Who issued the token that Fulcio was shown (Fulcio, `docs/oid-info.md`): text in DER.
const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
/// The same, as the bare text, which is all that early versions of Fulcio wrote.
const EARLY_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
/// The purpose of a certificate that signs software (RFC 5280, 4.2.1.12).
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// How many identities of one certificate are shown. Fulcio writes one.
const MAX_SHOWN: usize = 3;

/// The certificate of a key that made one signature. Nothing of it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    pub(super) der: CertificateDer<'static>,
    pub key: PublicKey,
    /// Addresses of mail, and URIs.
    pub identities: Vec<String>,
    /// Who knows them. Fulcio writes the same twice.
    pub issuers: Vec<String>,
    /// Whether it is for signing software.
    pub signs_code: bool,
    /// When it begins to be valid, in seconds since 1970.
    pub begins: i64,
}

/// Why a certificate cannot be used; fits after "its certificate ".
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateError {
    #[error("is not one in PEM")]
    NotPem,
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("is not for a key of ECDSA on the curve P-256")]
    Algorithm,
}

impl Certificate {
    /// Reads the first certificate of a text in PEM.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let mut all = certificates(text)?;
        if all.is_empty() { Err(CertificateError::NotPem) } else { Self::of_der(all.remove(0)) }
    }

    pub fn of_der(der: Vec<u8>) -> Result<Self, CertificateError> {
        let unreadable =
            |error: x509_cert::der::Error| CertificateError::Unreadable(error.to_string());
        let read = x509_cert::Certificate::from_der(&der).map_err(unreadable)?;
        let content = read.tbs_certificate();
        let key = content.subject_public_key_info().to_der().map_err(unreadable)?;
        let key = PublicKey::of_der(key).map_err(|_| CertificateError::Algorithm)?;
        let names = content.get_extension::<SubjectAltName>().map_err(unreadable)?;
        let names = names.map(|(_, SubjectAltName(names))| names).unwrap_or_default();
        let purposes = content.get_extension::<ExtendedKeyUsage>().map_err(unreadable)?;
        let usage = content.get_extension::<KeyUsage>().map_err(unreadable)?;
        let signs_code = purposes.is_some_and(|(_, all)| all.0.contains(&CODE_SIGNING))
            && usage.is_none_or(|(_, usage)| usage.digital_signature());
        let mut issuers = Vec::new();
        for extension in content.extensions().into_iter().flatten() {
            let value = extension.extn_value.as_bytes();
            if extension.extn_id == ISSUER {
                issuers
                    .push(Utf8StringRef::from_der(value).map_err(unreadable)?.as_str().to_owned());
            } else if extension.extn_id == EARLY_ISSUER {
                issuers.push(String::from_utf8_lossy(value).into_owned());
            }
        }
        let identities = names.iter().filter_map(identity).collect();
        let begins = content.validity().not_before.to_unix_duration().as_secs();
        let begins = i64::try_from(begins).unwrap_or(i64::MAX);
        Ok(Self { der: der.into(), key, identities, issuers, signs_code, begins })
    }

    pub fn to_pem(&self) -> String {
        to_pem(&self.der)
    }

    /// Its identities for people.
    pub fn shown(&self) -> String {
        let names = self.identities.iter().take(MAX_SHOWN).map(|name| quoted(name));
        let names = names.collect::<Vec<_>>().join(" and ");
        match self.identities.len() {
            0 => "a certificate without a name".to_owned(),
            count if count > MAX_SHOWN => format!("{names} and {} more", count - MAX_SHOWN),
            _ => names,
        }
    }
}

/// The certificates of a text in PEM.
pub(super) fn certificates(text: &str) -> Result<Vec<Vec<u8>>, CertificateError> {
    let blocks = pem::parse_many(text).map_err(|_| CertificateError::NotPem)?;
    let one = |block: pem::Pem| match block.tag() {
        "CERTIFICATE" => Ok(block.into_contents()),
        _ => Err(CertificateError::NotPem),
    };
    blocks.into_iter().map(one).collect()
}

pub(super) fn to_pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), config)
}

fn identity(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(name) | GeneralName::UniformResourceIdentifier(name) => {
            Some(name.as_str().to_owned())
        }
        _ => None,
    }
}
