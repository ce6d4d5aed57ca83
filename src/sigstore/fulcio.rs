//! Fulcio: certifies a key for the owner of a token.

use super::error::SigstoreError;
use super::request::{below, json};
use super::tokens::IdentityToken;
use crate::http::{self, SafeUrl};
use crate::signing::{Certificate, Roots, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use url::Url;

pub struct Fulcio {
    pub http: http::Client,
    pub url: Url,
}

/// The certificate of a key, verified by the chain that came with it.
#[derive(Debug)]
pub struct IssuedCertificate {
    pub certificate: Certificate,
    /// The certificates between and the root, in PEM.
    pub chain: String,
    /// The same.
    pub roots: Roots,
}

/// A certificate whose proof of its own log is in it, or beside it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    signed_certificate_embedded_sct: Option<Signed>,
    signed_certificate_detached_sct: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

impl Fulcio {
    /// Gets a certificate for a key, of the owner of the token.
    pub async fn certify(
        &self,
        token: &IdentityToken,
        key: &SigningKey,
    ) -> Result<IssuedCertificate, SigstoreError> {
        let proof = STANDARD.encode(key.sign(token.subject.as_bytes()));
        let body = json!({
            "credentials": { "oidcIdentityToken": token.token.expose().trim() },
            "publicKeyRequest": {
                "publicKey": { "algorithm": "ECDSA", "content": key.public_key().to_pem() },
                "proofOfPossession": proof,
            },
        });
        let answer = self.ask(&body).await.map_err(|error| SigstoreError::Fulcio {
            url: self.shown(),
            source: Box::new(error),
        })?;
        let signed = answer.signed_certificate_embedded_sct;
        let signed = signed.or(answer.signed_certificate_detached_sct);
        let all = signed.map(|signed| signed.chain.certificates).unwrap_or_default();
        let issued = check(&all, key);
        let issued = issued.map_err(|why| SigstoreError::Certificate { url: self.shown(), why })?;
        // What is logged stays public: another name must not get there.
        match token.expected.difference(&issued.certificate) {
            None => Ok(issued),
            Some(why) => Err(SigstoreError::OtherSigner { url: self.shown(), why }),
        }
    }

    async fn ask(&self, body: &serde_json::Value) -> Result<Answer, http::Error> {
        let url = below(&self.url, "api/v2/signingCert");
        let response = self.http.fetch(self.http.direct().post(url).json(body)).await?;
        json("POST", response).await
    }

    fn shown(&self) -> SafeUrl {
        SafeUrl::new(self.url.clone())
    }
}

/// Verifies what Fulcio answered: the certificate, what is between, and the root.
fn check(all: &[String], key: &SigningKey) -> Result<IssuedCertificate, String> {
    let [first, rest @ ..] = all else { return Err("it is missing in the answer".to_owned()) };
    let certificate = Certificate::parse(first).map_err(|error| format!("it {error}"))?;
    if certificate.key != key.public_key() {
        return Err("it is for another key".to_owned());
    }
    let chain = rest.iter().map(|one| one.trim()).collect::<Vec<_>>().join("\n") + "\n";
    let roots = Roots::parse(&chain).map_err(|error| format!("of its chain, {error}"))?;
    let verified = roots.verify(&certificate, &[], certificate.begins);
    verified.map_err(|error| format!("its chain is not valid: {error}"))?;
    Ok(IssuedCertificate { certificate, chain, roots })
}
