//! Access tokens, one per scope, kept until shortly before they expire.

use super::error::{CredentialError, SignInError};
use super::method::SignInMethod;
use super::signer::{Application, Signer};
use crate::azure::Endpoints;
use crate::http::{self, Retryable as _};
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::time::OffsetDateTime;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The least remaining validity of a returned token, in seconds, so that it does not
/// expire on the way to the server.
const MIN_VALIDITY_SECS: i64 = 300;

/// A signed-in identity. Cheap to clone; clones share their tokens.
#[derive(Clone)]
pub struct Credential {
    shared: Arc<SharedTokens>,
}

struct SharedTokens {
    candidates: Candidates,
    /// Index of the first candidate that issued a token; the others are not tried again.
    chosen: OnceLock<usize>,
    redactor: Redactor,
    /// Whether the code that asks may have no token.
    withheld: bool,
    scopes: Mutex<HashMap<String, TokenSlot>>,
}

/// The sign-in methods that the environment offers.
#[derive(Default)]
pub struct Candidates {
    /// Tried in order up to the first that issues a token, or that is `explicit`.
    pub signers: Vec<Signer>,
    /// For each method that is not offered: its name and what it lacks.
    pub absent: Vec<String>,
    /// What else a person may have meant, where none of them works.
    pub instead: Option<Instead>,
}

/// Tells what else a person may have meant, once that is asked for.
pub type Instead = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Locked during a request, so that concurrent callers wait for the same token.
type TokenSlot = Arc<tokio::sync::Mutex<Option<CachedToken>>>;

struct CachedToken {
    token: Secret,
    expires_at: OffsetDateTime,
}

impl Credential {
    /// Signs in as an application with a client secret.
    pub fn client_secret(
        http: &http::Client,
        redactor: &Redactor,
        endpoints: &Endpoints,
        application: &Application,
    ) -> Result<Self, CredentialError> {
        let signer = Signer::client_secret(http, endpoints, application)?;
        let candidates = Candidates { signers: vec![signer], ..Candidates::default() };
        Ok(Self::new(candidates, redactor.clone()))
    }

    pub fn new(candidates: Candidates, redactor: Redactor) -> Self {
        Self::of(candidates, redactor, false)
    }

    /// Signs in to nothing: for the code of a fork.
    pub fn withheld(redactor: &Redactor) -> Self {
        let candidates = Candidates::default();
        Self::of(candidates, redactor.clone(), true)
    }

    fn of(candidates: Candidates, redactor: Redactor, withheld: bool) -> Self {
        let shared = SharedTokens {
            candidates,
            chosen: OnceLock::new(),
            redactor,
            withheld,
            scopes: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A token for a scope, such as `https://vault.azure.net/.default`, that is
    /// valid for five minutes at least. The redactor masks it.
    pub async fn token(&self, scope: &str) -> Result<Secret, CredentialError> {
        Ok(self.cached(scope).await?.0)
    }

    /// Drops the token for a scope after a server has refused it.
    pub fn forget(&self, scope: &str) {
        let mut scopes = self.shared.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.remove(scope);
    }

    /// The sign-in method: known from the start where the environment asks for one,
    /// otherwise after the first token.
    pub fn method(&self) -> Option<SignInMethod> {
        self.signer().map(|signer| signer.method)
    }

    /// The client id of the application or identity, if it is known.
    pub fn client_id(&self) -> Option<&str> {
        self.signer().map(|signer| signer.client_id.as_str()).filter(|id| !id.is_empty())
    }

    /// The tenant, if it is known.
    pub fn tenant(&self) -> Option<&str> {
        self.signer().map(|signer| signer.tenant.as_str()).filter(|id| !id.is_empty())
    }

    fn signer(&self) -> Option<&Signer> {
        let signers = &self.shared.candidates.signers;
        match self.shared.chosen.get() {
            Some(&chosen) => signers.get(chosen),
            None => signers.first().filter(|signer| signer.explicit),
        }
    }

    async fn cached(&self, scope: &str) -> Result<(Secret, OffsetDateTime), CredentialError> {
        let slot = {
            let mut scopes = self.shared.scopes.lock().unwrap_or_else(PoisonError::into_inner);
            scopes.entry(scope.to_owned()).or_default().clone()
        };
        let mut cached = slot.lock().await;
        let needed_until =
            OffsetDateTime::now_utc() + azure_core::time::Duration::seconds(MIN_VALIDITY_SECS);
        if let Some(cached) = cached.as_ref().filter(|cached| cached.expires_at > needed_until) {
            return Ok((cached.token.clone(), cached.expires_at));
        }
        let (token, expires_at) = self.request(scope).await?;
        let token = self.shared.redactor.adopt("an access token", token);
        *cached = Some(CachedToken { token: token.clone(), expires_at });
        Ok((token, expires_at))
    }

    async fn request(&self, scope: &str) -> Result<(String, OffsetDateTime), CredentialError> {
        if self.shared.withheld {
            return Err(CredentialError::Withheld);
        }
        let Candidates { signers, absent, instead } = &self.shared.candidates;
        if let Some(signer) = self.signer() {
            return signer.request(scope, &[]).await.map_err(|source| CredentialError::SignIn {
                method: signer.method,
                source: source.into(),
            });
        }
        let mut tried = absent.clone();
        let mut busy = None;
        for (index, signer) in signers.iter().enumerate() {
            // A person is not asked because a metadata service is busy for a moment.
            if signer.method == SignInMethod::DeviceCode && busy.is_some() {
                break;
            }
            match signer.request(scope, &tried).await {
                Ok(token) => {
                    // A concurrent request for another scope may have set it already.
                    self.shared.chosen.get_or_init(|| index);
                    return Ok(token);
                }
                Err(source) if signer.explicit => {
                    let (method, source) = (signer.method, source.into());
                    return Err(CredentialError::SignIn { method, source });
                }
                Err(source) => {
                    tried.push(format!("{}: {}", signer.method, reason(&source)));
                    if is_busy(&source) {
                        let (method, source) = (signer.method, source.into());
                        busy = Some(CredentialError::SignIn { method, source });
                    }
                }
            }
        }
        Err(busy.unwrap_or_else(|| {
            let instead = instead.as_ref().and_then(|tell| tell());
            CredentialError::NoMethod { tried, instead }
        }))
    }
}

/// Whether the machine's metadata service is there and fails for a moment. A 404
/// is not counted: the metadata services of other clouds answer it.
fn is_busy(error: &SignInError) -> bool {
    let refused = matches!(
        error,
        SignInError::Managed(http::Error::Status { status: 408 | 410 | 429 | 500..=599, .. })
    );
    refused && error.retry() != http::Retry::Never
}

/// The reason in one line, for the list of what was tried.
fn reason(error: &SignInError) -> String {
    let text = match error {
        // The metadata service refuses with 400 on a machine without identity.
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

/// Lets Microsoft's Key Vault client use the credential.
#[async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        // The Key Vault client asks for exactly one scope.
        let scope = scopes.first().copied().unwrap_or_default();
        let cached = self.cached(scope).await;
        let (token, expires_at) = cached.map_err(|error| {
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
