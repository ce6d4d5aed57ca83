//! Tokens: one at a time for each scope, kept until they are about to expire.

use super::error::{CredentialError, SignInError};
use super::signer::{Application, Signer};
use crate::azure::Endpoints;
use crate::http;
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::time::OffsetDateTime;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How long before its end a token is no longer used, in seconds.
const MARGIN: i64 = 300;

/// With what somebody is signed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// `AZURE_CLIENT_SECRET`.
    ClientSecret,
    /// The OIDC token of the job in GitHub Actions.
    GitHub,
    /// The file that a Kubernetes cluster keeps.
    WorkloadIdentity,
    /// The identity of the machine.
    ManagedIdentity,
    /// Who is logged in at the Azure CLI.
    AzureCli,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientSecret => "a client secret",
            Self::GitHub => "GitHub's OIDC token",
            Self::WorkloadIdentity => "workload identity",
            Self::ManagedIdentity => "the managed identity",
            Self::AzureCli => "the Azure CLI",
        })
    }
}

/// Somebody's standing with Azure. A cheap handle; its tokens are shared.
#[derive(Clone)]
pub struct Credential {
    inner: Arc<Inner>,
}

struct Inner {
    candidates: Candidates,
    /// Which candidate it turned out to be.
    chosen: OnceLock<usize>,
    redactor: Redactor,
    scopes: Mutex<HashMap<String, Slot>>,
}

/// The ways in which we may be able to sign in.
pub(super) struct Candidates {
    /// In order. The first that is sure, or that works, is the one.
    pub(super) signers: Vec<Signer>,
    /// Why others are not among them.
    pub(super) absent: Vec<String>,
}

/// Held while a token is asked for, so that all who want it wait for one request.
type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

struct Held {
    token: Secret,
    expires_at: OffsetDateTime,
}

impl Credential {
    /// Signs in as an application of a tenant, with a secret of its own.
    pub fn client_secret(
        http: &http::Client,
        redactor: &Redactor,
        endpoints: &Endpoints,
        application: &Application,
    ) -> Result<Self, CredentialError> {
        let signer = Signer::client_secret(http, endpoints, application)?;
        let candidates = Candidates { signers: vec![signer], absent: Vec::new() };
        Ok(Self::new(candidates, redactor.clone()))
    }

    pub(super) fn new(candidates: Candidates, redactor: Redactor) -> Self {
        let inner =
            Inner { candidates, chosen: OnceLock::new(), redactor, scopes: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// A token for a scope, such as `https://vault.azure.net/.default`, that is
    /// good for five minutes at least. The redactor knows it.
    pub async fn token(&self, scope: &str) -> Result<Secret, CredentialError> {
        Ok(self.held(scope).await?.0)
    }

    /// Forgets the token for a scope, because a server would not have it.
    pub fn forget(&self, scope: &str) {
        let mut scopes = self.inner.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.remove(scope);
    }

    /// With what we sign in, once that is known: from the start where the
    /// environment says so, else after the first token.
    pub fn method(&self) -> Option<Method> {
        self.signer().map(|signer| signer.method)
    }

    /// The id of the application or identity we sign in as, where it is known.
    pub fn client_id(&self) -> Option<&str> {
        self.signer().map(|signer| signer.client_id.as_str()).filter(|id| !id.is_empty())
    }

    /// The tenant we sign in to, where it is known.
    pub fn tenant(&self) -> Option<&str> {
        self.signer().map(|signer| signer.tenant.as_str()).filter(|id| !id.is_empty())
    }

    fn signer(&self) -> Option<&Signer> {
        let signers = &self.inner.candidates.signers;
        match self.inner.chosen.get() {
            Some(&chosen) => signers.get(chosen),
            None => signers.first().filter(|signer| signer.sure),
        }
    }

    async fn held(&self, scope: &str) -> Result<(Secret, OffsetDateTime), CredentialError> {
        let slot = {
            let mut scopes = self.inner.scopes.lock().unwrap_or_else(PoisonError::into_inner);
            scopes.entry(scope.to_owned()).or_default().clone()
        };
        let mut held = slot.lock().await;
        let soon = OffsetDateTime::now_utc() + azure_core::time::Duration::seconds(MARGIN);
        if let Some(held) = held.as_ref().filter(|held| held.expires_at > soon) {
            return Ok((held.token.clone(), held.expires_at));
        }
        let (token, expires_at) = self.ask(scope).await?;
        let token = self.inner.redactor.adopt("an access token", token);
        *held = Some(Held { token: token.clone(), expires_at });
        Ok((token, expires_at))
    }

    async fn ask(&self, scope: &str) -> Result<(String, OffsetDateTime), CredentialError> {
        let Candidates { signers, absent } = &self.inner.candidates;
        if let Some(signer) = self.signer() {
            return signer.ask(scope).await.map_err(|source| CredentialError::SignIn {
                method: signer.method,
                source: source.into(),
            });
        }
        let mut looked = absent.clone();
        for (index, signer) in signers.iter().enumerate() {
            match signer.ask(scope).await {
                Ok(token) => {
                    // Another scope's request may have been first with the same.
                    self.inner.chosen.get_or_init(|| index);
                    return Ok(token);
                }
                Err(source) if signer.sure => {
                    let (method, source) = (signer.method, source.into());
                    return Err(CredentialError::SignIn { method, source });
                }
                Err(source) => looked.push(format!("{}: {}", signer.method, reason(&source))),
            }
        }
        Err(CredentialError::Nothing { looked })
    }
}

/// One line: what was tried is listed, not nested.
fn reason(error: &SignInError) -> String {
    let text = match error {
        SignInError::Managed(http::Error::Status { status: 400, .. }) => {
            "this machine has none".to_owned()
        }
        SignInError::Managed(http::Error::Transport { .. } | http::Error::TimedOut { .. }) => {
            "this machine is not in Azure".to_owned()
        }
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// For Microsoft's Key Vault client.
#[async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let scope = scopes.first().copied().unwrap_or_default();
        let held = self.held(scope).await;
        let (token, expires_at) = held.map_err(|error| {
            azure_core::Error::with_error(ErrorKind::Credential, error, "no token")
        })?;
        Ok(AccessToken::new(token.expose().to_owned(), expires_at))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?})", self.method())
    }
}
