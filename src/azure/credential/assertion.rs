//! Tokens that Entra exchanges for its own: GitHub's OIDC token, the token file of a
//! workload identity, and what an application signs itself.

use super::certificate::{CertificateError, ClientCertificate};
use crate::github::JobTokens;
use crate::http;
use crate::secret::Redactor;
use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The claims of a token that are shown when Entra refuses it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Claims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
}

/// The claims of the last federated token sent, whatever it was exchanged for.
pub type LastClaims = Arc<Mutex<Option<Claims>>>;

/// Why there is no federated token.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    #[error("cannot ask GitHub for an OIDC token")]
    GitHub(#[source] http::Error),
    #[error("cannot read the federated token `{}`", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("the file of the federated token, `{}`, is empty", path.display())]
    Empty { path: PathBuf },
}

/// The source of federated tokens.
pub enum FederatedTokenSource {
    /// GitHub issues a token per request. They expire within minutes, so none is kept.
    GitHub(Box<GitHub>),
    /// The cluster rewrites the file before its token expires, so the file is read for
    /// every exchange.
    File(PathBuf),
    /// The application signs one for each exchange.
    Certificate(Box<ClientCertificate>),
}

/// The token endpoint of a job in GitHub Actions.
pub struct GitHub {
    pub job: JobTokens,
    pub audience: String,
}

/// Gives `azure_identity` federated tokens, which the redactor masks.
#[derive(Clone)]
pub struct FederatedTokens {
    pub from: Arc<FederatedTokenSource>,
    pub redactor: Redactor,
    pub last: LastClaims,
}

impl FederatedTokens {
    async fn token(&self) -> Result<String, AssertionError> {
        match &*self.from {
            FederatedTokenSource::GitHub(github) => {
                let token = github.job.token(&github.audience).await;
                token.map_err(AssertionError::GitHub)
            }
            FederatedTokenSource::Certificate(certificate) => Ok(certificate.assertion()?),
            FederatedTokenSource::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let token =
                    read.map_err(|source| AssertionError::File { path: path.clone(), source })?;
                match token.trim() {
                    "" => Err(AssertionError::Empty { path: path.clone() }),
                    token => Ok(token.to_owned()),
                }
            }
        }
    }
}

#[async_trait]
impl ClientAssertion for FederatedTokens {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let token = self.token().await.map_err(|error| {
            azure_core::Error::with_error(ErrorKind::Credential, error, "no assertion")
        })?;
        let token = self.redactor.adopt("a federated token", token);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = claims(token.expose());
        Ok(token.expose().to_owned())
    }
}

impl fmt::Debug for FederatedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FederatedTokens")
    }
}

/// Decodes the claims without verifying the token, which is up to Entra.
pub fn claims(token: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let mut payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    // An audience may be a list (RFC 7519, section 4.1.3).
    if let Some(first) = payload["aud"].get(0).cloned() {
        payload["aud"] = first;
    }
    serde_json::from_value(payload).ok()
}
