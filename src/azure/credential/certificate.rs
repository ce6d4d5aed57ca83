//! An assertion that an application signs with the key of its certificate
//! (learn.microsoft.com, "Microsoft identity platform application authentication certificate
//! credentials").

use super::identity::EntraIdentity;
use crate::bounded_file;
use crate::secret::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// How long an assertion holds, in seconds. One is made for each token.
const ASSERTION_TTL_SECS: i64 = 600;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read the certificate `{}`", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "`{0}` has no {what} in PEM: `openssl pkcs12 -in {0} -nodes` writes what a PKCS #12 file has",
        path.display()
    )]
    Missing { path: PathBuf, what: &'static str },
    #[error(
        "the key in `{0}` is encrypted: `openssl pkey -in {0}` writes it without a password",
        path.display()
    )]
    Encrypted { path: PathBuf },
    #[error("the key in `{}` is no RSA key: {reason}", path.display())]
    Key { path: PathBuf, reason: String },
    #[error("the key of the certificate cannot sign")]
    Sign,
}

/// A certificate with its key, and for what it signs.
#[derive(Clone)]
pub struct ClientCertificate {
    key: Arc<RsaKeyPair>,
    /// The SHA-256 of the certificate.
    thumbprint: String,
    client_id: String,
    /// The URL that tokens are requested from.
    audience: String,
}

impl ClientCertificate {
    /// Reads a PEM file that has both.
    pub fn read(
        path: &Path,
        identity: &EntraIdentity,
        authority: &Url,
        redactor: &Redactor,
    ) -> Result<Self, CertificateError> {
        let path = path.to_owned();
        let bytes = bounded_file::read(&path, bounded_file::MAX_WRITTEN_BYTES)
            .map_err(|source| CertificateError::File { path: path.clone(), source })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let text = redactor.adopt("the key of a certificate", text);
        let pem = text.expose();
        let Ok(certificate) = CertificateDer::from_pem_slice(pem.as_bytes()) else {
            return Err(CertificateError::Missing { path, what: "certificate" });
        };
        let is_encrypted =
            pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED");
        if is_encrypted {
            return Err(CertificateError::Encrypted { path });
        }
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
            Ok(PrivateKeyDer::Pkcs8(key)) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            Ok(PrivateKeyDer::Pkcs1(key)) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            Ok(_) | Err(_) => return Err(CertificateError::Missing { path, what: "private key" }),
        };
        let key = key.map_err(|error| CertificateError::Key { path, reason: error.to_string() })?;
        Ok(Self {
            key: Arc::new(key),
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)),
            client_id: identity.client_id.clone(),
            audience: format!(
                "{}/{}/oauth2/v2.0/token",
                authority.as_str().trim_end_matches('/'),
                identity.tenant
            ),
        })
    }

    /// A new assertion.
    pub fn assertion(&self) -> Result<String, CertificateError> {
        let now = Timestamp::now().as_second();
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": self.audience, "iss": self.client_id, "sub": self.client_id,
            "jti": ulid::Ulid::generate().to_string(), "nbf": now, "iat": now,
            "exp": now + ASSERTION_TTL_SECS,
        });
        let encoded = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        let done = self.key.sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature);
        done.map_err(|_| CertificateError::Sign)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
