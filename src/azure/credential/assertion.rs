//! Tokens of others that Entra takes in exchange for its own: GitHub's OIDC
//! token, and the file that a workload identity keeps.

use crate::http::{self, SafeUrl};
use crate::secret::{Redactor, Secret};
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
use url::Url;

/// What a token says of itself, for the reader of an error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
}

/// The claims of the last assertion sent.
pub(super) type LastClaims = Arc<Mutex<Option<Claims>>>;

/// An assertion that could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum AssertionError {
    #[error("ask GitHub for an OIDC token")]
    GitHub(#[source] http::Error),
    #[error("read the federated token `{}`", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// From whom an assertion comes.
pub(super) enum Assertion {
    /// GitHub issues one for each request; they live for minutes, so none is kept.
    GitHub(Box<GitHub>),
    /// The cluster writes the file anew before the token in it expires, so it
    /// is read each time.
    File(PathBuf),
}

/// Where a job in GitHub Actions asks.
pub(super) struct GitHub {
    pub(super) http: http::Client,
    pub(super) url: Url,
    pub(super) token: Secret,
    pub(super) audience: String,
}

/// Supplies assertions, keeping them from being seen.
#[derive(Clone)]
pub(super) struct Assertions {
    pub(super) from: Arc<Assertion>,
    pub(super) redactor: Redactor,
    pub(super) last: LastClaims,
}

impl Assertions {
    async fn mint(&self) -> Result<String, AssertionError> {
        match &*self.from {
            Assertion::GitHub(github) => github.mint().await.map_err(AssertionError::GitHub),
            Assertion::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let token =
                    read.map_err(|source| AssertionError::File { path: path.clone(), source })?;
                Ok(token.trim().to_owned())
            }
        }
    }
}

impl GitHub {
    async fn mint(&self) -> Result<String, http::Error> {
        #[derive(Deserialize)]
        struct Issued {
            value: String,
        }
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("audience", &self.audience);
        let request = self.http.direct().get(url.clone()).bearer_auth(self.token.expose());
        let response = self.http.fetch(request).await?;
        let unreadable = |reason: String| http::Error::Unreadable {
            method: "GET".into(),
            url: SafeUrl::new(url.clone()),
            reason,
        };
        let body = response.bytes().await;
        let body = body.map_err(|error| unreadable(error.without_url().to_string()))?;
        let issued: Issued =
            serde_json::from_slice(&body).map_err(|_| unreadable("it holds no token".into()))?;
        Ok(issued.value)
    }
}

#[async_trait]
impl ClientAssertion for Assertions {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let minted = self.mint().await.map_err(|error| {
            azure_core::Error::with_error(ErrorKind::Credential, error, "no assertion")
        })?;
        let minted = self.redactor.adopt("a federated token", minted);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = claims(minted.expose());
        Ok(minted.expose().to_owned())
    }
}

impl fmt::Debug for Assertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertions")
    }
}

/// Reads a token without checking it: that is for Entra to do.
fn claims(token: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let mut payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    // An audience may be a list (RFC 7519, section 4.1.3).
    if let Some(first) = payload["aud"].get(0).cloned() {
        payload["aud"] = first;
    }
    serde_json::from_value(payload).ok()
}
