//! The certificates of a Fulcio, which its other certificates are verified by.

use super::certificate::Certificate;
use crate::oci::Digest;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, anchor_from_trusted_cert};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::time::Time;

/// The purpose of signing software (RFC 5280, 4.2.1.12), without tag and length.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];

/// The root certificates of a Fulcio, and those between.
#[derive(Clone, Debug)]
pub struct Roots {
    roots: Vec<Root>,
    between: Vec<CertificateDer<'static>>,
    /// The SHA-256 of all of them.
    digest: Digest,
}

/// A root with the time in which it is valid, in seconds since 1970.
#[derive(Clone, Debug)]
struct Root {
    anchor: TrustAnchor<'static>,
    begins: u64,
    ends: u64,
}

/// Why a text has no roots that can be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RootsError {
    #[error("it has no certificates in PEM")]
    NotPem,
    #[error("it holds a `{0}`, and only certificates are read")]
    Kind(String),
    #[error("certificate {at} cannot be read: {why}")]
    Unreadable { at: usize, why: String },
    #[error("certificate {at} is not that of an authority")]
    NoAuthority { at: usize },
    #[error("none of its certificates is a root, which issued itself")]
    NoRoot,
}

/// Why a certificate is not trusted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChainError {
    #[error("it was not valid at the time")]
    Time,
    #[error("none of the roots issued it")]
    Issuer,
    #[error("it is not for signing code")]
    Purpose,
    #[error("{0}")]
    Other(String),
}

impl RootsError {
    /// The remedy.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Kind(kind) if kind.ends_with("PRIVATE KEY") => {
                "keep it out of the repository, and write the certificates of Fulcio in its place"
            }
            Self::NotPem
            | Self::Kind(_)
            | Self::Unreadable { .. }
            | Self::NoAuthority { .. }
            | Self::NoRoot => {
                "write the certificates of Fulcio, its root too: \
                 `curl -fsS FULCIO/api/v1/rootCert -o fulcio.pem`, with its URL in place of `FULCIO`"
            }
        }
    }
}

impl Roots {
    /// Reads certificates in PEM.
    pub fn parse(text: &str) -> Result<Self, RootsError> {
        let blocks = pem::parse_many(text).map_err(|_| RootsError::NotPem)?;
        if blocks.is_empty() {
            return Err(RootsError::NotPem);
        }
        if let Some(other) = blocks.iter().find(|block| block.tag() != "CERTIFICATE") {
            return Err(RootsError::Kind(other.tag().to_owned()));
        }
        let all: Vec<Vec<u8>> = blocks.into_iter().map(pem::Pem::into_contents).collect();
        Self::of_der(&all)
    }

    /// The same of certificates in DER.
    pub fn of_der(all: &[Vec<u8>]) -> Result<Self, RootsError> {
        let (mut roots, mut between) = (Vec::new(), Vec::new());
        for (at, der) in all.iter().enumerate() {
            let unreadable = |error: webpki::Error| RootsError::Unreadable {
                at: at + 1,
                why: error.to_string(),
            };
            let der = CertificateDer::from(der.clone());
            let read = EndEntityCert::try_from(&der).map_err(unreadable)?;
            let is_root = read.subject() == read.issuer();
            if is_root {
                let anchor = anchor_from_trusted_cert(&der).map_err(unreadable)?.to_owned();
                let (begins, ends) =
                    authority(&der).ok_or(RootsError::NoAuthority { at: at + 1 })?;
                roots.push(Root { anchor, begins, ends });
            } else {
                between.push(der);
            }
        }
        if roots.is_empty() {
            return Err(RootsError::NoRoot);
        }
        Ok(Self { roots, between, digest: Digest::of(&all.concat()) })
    }

    /// The start of the SHA-256 of the certificates, which tells them from others.
    pub fn fingerprint(&self) -> &str {
        self.digest.short()
    }

    /// Whether one of the roots issued a certificate, by those between or by others that came
    /// with it, all of them valid at a time in seconds since 1970.
    pub fn verify(
        &self,
        certificate: &Certificate,
        others: &[CertificateDer<'static>],
        at: i64,
    ) -> Result<(), ChainError> {
        let other = |error: webpki::Error| ChainError::Other(error.to_string());
        let leaf = EndEntityCert::try_from(&certificate.der).map_err(other)?;
        let between: Vec<_> = self.between.iter().chain(others).cloned().collect();
        let at = u64::try_from(at).map_err(|_| ChainError::Time)?;
        let valid = self.roots.iter().filter(|root| (root.begins..=root.ends).contains(&at));
        let valid: Vec<TrustAnchor<'_>> = valid.map(|root| root.anchor.clone()).collect();
        if valid.is_empty() {
            return Err(ChainError::Other("no root was valid when it was logged".to_owned()));
        }
        let verified = leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &valid,
            &between,
            UnixTime::since_unix_epoch(Duration::from_secs(at)),
            // Those between need not say what they are for.
            webpki::KeyUsage::required_if_present(CODE_SIGNING),
            None,
            None,
        );
        match verified {
            Ok(_) => Ok(()),
            Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
                Err(ChainError::Time)
            }
            // The second is of another authority with the same name.
            Err(webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey) => {
                Err(ChainError::Issuer)
            }
            Err(webpki::Error::RequiredEkuNotFoundContext(_)) => Err(ChainError::Purpose),
            Err(error) => Err(other(error)),
        }
    }
}

/// When an authority is valid; `None` for a certificate that is not one, or that signs no others.
fn authority(der: &CertificateDer<'_>) -> Option<(u64, u64)> {
    let read = x509_cert::Certificate::from_der(der).ok()?;
    let content = read.tbs_certificate();
    let constraints = content.get_extension::<BasicConstraints>().ok()?;
    let usage = content.get_extension::<KeyUsage>().ok()?;
    let is_authority = constraints.is_some_and(|(_, constraints)| constraints.ca)
        && usage.is_none_or(|(_, usage)| usage.key_cert_sign());
    let validity = content.validity();
    let seconds = |time: &Time| time.to_unix_duration().as_secs();
    is_authority.then(|| (seconds(&validity.not_before), seconds(&validity.not_after)))
}
