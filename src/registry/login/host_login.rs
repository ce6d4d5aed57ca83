//! Signing in to one host: the scheme that it asks for, the credentials, the tokens.
//! Each is determined once, however many requests wait for it.

use super::challenge::{self, Challenge};
use super::credentials::Credentials;
use super::error::LoginError;
use super::method::Login;
use super::token::{self, Realm, Token, TokenSource};
use crate::http;
use crate::registry::azure::is_azure_registry;
use crate::registry::wire::{Address, Scope};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// The value of an `Authorization` header.
#[derive(Clone)]
pub struct Authorization {
    value: Secret,
    /// The scope of the token, where the value is one.
    scope: Option<String>,
}

impl Authorization {
    /// The value itself, only for the request.
    pub fn expose(&self) -> &str {
        self.value.expose()
    }
}

/// How a host wants requests to be signed in.
#[derive(Clone)]
enum AuthScheme {
    /// No request has been answered yet.
    Unknown,
    /// It has not asked for anything so far.
    Open,
    /// User and password with each request.
    Basic,
    Token(Realm),
}

/// The login to one host.
pub struct HostLogin {
    method: Login,
    scheme: Mutex<AuthScheme>,
    /// Held by the one request that finds out the scheme.
    learning: tokio::sync::Mutex<()>,
    /// By repository.
    credentials: tokio::sync::Mutex<BTreeMap<String, Credentials>>,
    tokens: TokenSource,
}

/// A 401 response: what it offers, and the error that it is when nothing helps.
pub struct Refusal {
    /// `pull` or `push`.
    pub action: &'static str,
    /// The values of `WWW-Authenticate`.
    pub challenges: Vec<String>,
    pub error: http::Error,
}

impl HostLogin {
    pub fn new(method: Login, tokens: TokenSource) -> Self {
        let scheme = presumed(tokens.address()).map_or(AuthScheme::Unknown, AuthScheme::Token);
        Self {
            method,
            scheme: Mutex::new(scheme),
            learning: tokio::sync::Mutex::default(),
            credentials: tokio::sync::Mutex::default(),
            tokens,
        }
    }

    pub fn address(&self) -> &Address {
        self.tokens.address()
    }

    fn host(&self) -> String {
        self.address().name.clone()
    }

    /// A guard to be held over a request while the scheme is unknown and there are
    /// credentials to be asked for: one request goes first, the others wait and save
    /// a 401 each.
    pub async fn first_request(
        &self,
        repository: &str,
    ) -> Result<Option<tokio::sync::MutexGuard<'_, ()>>, LoginError> {
        let unknown = || matches!(self.scheme(), AuthScheme::Unknown);
        if !unknown() || self.credentials(repository).await?.is_nothing() {
            return Ok(None);
        }
        let guard = self.learning.lock().await;
        Ok(unknown().then_some(guard))
    }

    /// Notes that the host answered a request without asking for anything.
    pub fn needs_nothing(&self) {
        let mut scheme = self.scheme.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*scheme, AuthScheme::Unknown) {
            *scheme = AuthScheme::Open;
        }
    }

    /// Whether a successful response proves that our login is good: the host asked
    /// for it, or it is missing.
    pub async fn is_proven(&self, repository: &str) -> Result<bool, LoginError> {
        let asked = matches!(self.scheme(), AuthScheme::Basic | AuthScheme::Token(_));
        Ok(asked || self.credentials(repository).await?.is_nothing())
    }

    /// The header for a request for `scopes`, with the credentials of `repository`.
    pub async fn authorize(
        &self,
        repository: &str,
        scopes: &[String],
    ) -> Result<Option<Authorization>, LoginError> {
        match self.scheme() {
            AuthScheme::Unknown | AuthScheme::Open => Ok(None),
            AuthScheme::Basic => {
                let credentials = self.credentials(repository).await?;
                let Credentials::Password { .. } = &credentials else { return Ok(None) };
                // Kept like a token, because the redactor remembers each new header.
                let made = async {
                    let header = credentials.basic_header(self.tokens.redactor());
                    let needed = || LoginError::Needed { host: self.host(), note: None };
                    header.map(Token::lasting).ok_or_else(needed)
                };
                let value = self.tokens.get(&format!("\nbasic {repository}"), || made).await?;
                Ok(Some(Authorization { value, scope: None }))
            }
            AuthScheme::Token(realm) => match self.token(&realm, repository, scopes).await {
                // The presumed token server does not exist: let the host say what it
                // wants.
                Err(LoginError::Token { source, .. } | LoginError::Exchange { source, .. })
                    if realm.presumed && source.status() == Some(404) =>
                {
                    self.set_scheme(AuthScheme::Unknown);
                    Ok(None)
                }
                other => other.map(Some),
            },
        }
    }

    /// After a 401 to a request that carried `sent`: the header to send instead, or
    /// the error that the refusal is.
    pub async fn after_refusal(
        &self,
        scope: &Scope,
        sent: Option<&Authorization>,
        refusal: Refusal,
    ) -> Result<Authorization, LoginError> {
        let Scope { repository, scopes } = scope;
        self.learn_scheme(&refusal)?;
        if let Some(Authorization { value, scope: Some(scope) }) = sent {
            self.tokens.forget(scope, value.expose()).await;
        }
        match (self.authorize(repository, scopes).await?, sent) {
            (None, _) => Err(self.needed(repository).await?),
            (Some(next), Some(sent)) if next.expose() == sent.expose() => {
                Err(self.refused(repository, refusal).await?)
            }
            (Some(next), _) => Ok(next),
        }
    }

    /// The error of a request that was refused with all the credentials there are.
    pub async fn refused(
        &self,
        repository: &str,
        refusal: Refusal,
    ) -> Result<LoginError, LoginError> {
        let credentials = self.credentials(repository).await?;
        match (&credentials, self.scheme()) {
            (Credentials::Nothing { .. }, _) => self.needed(repository).await,
            // The credentials were good enough for a new token, so they are right.
            (Credentials::Password { .. } | Credentials::Entra(_), AuthScheme::Token(_)) => {
                self.not_permitted(repository, refusal.action).await
            }
            (_, _) => Ok(LoginError::rejected(self.host(), &credentials, refusal.error)),
        }
    }

    /// The error of a user who is known and lacks a permission.
    pub async fn not_permitted(
        &self,
        repository: &str,
        action: &str,
    ) -> Result<LoginError, LoginError> {
        if self.credentials(repository).await?.is_nothing() {
            // Every client gets such a token, so that it lacks a login first of all.
            return self.needed(repository).await;
        }
        Ok(LoginError::Lacks {
            host: self.host(),
            user: self.user(repository).await?,
            action: action.to_owned(),
            repository: repository.to_owned(),
        })
    }

    async fn needed(&self, repository: &str) -> Result<LoginError, LoginError> {
        let note = match self.credentials(repository).await? {
            Credentials::Nothing { note } => note,
            Credentials::Identity(_) | Credentials::Bearer(_) | Credentials::Entra(_) => {
                Some("it takes user and password, and the login is a token".to_owned())
            }
            Credentials::Password { .. } => None,
        };
        Ok(LoginError::Needed { host: self.host(), note })
    }

    /// The credentials for a repository, looked up once.
    async fn credentials(&self, repository: &str) -> Result<Credentials, LoginError> {
        let stored = match &self.method {
            Login::Anonymous => return Ok(Credentials::Nothing { note: None }),
            Login::Basic { username, password } => {
                let (user, password) = (username.clone(), password.clone());
                return Ok(Credentials::Password { user, password });
            }
            Login::Entra(tokens) => return Ok(Credentials::Entra(tokens.clone())),
            Login::Stored(stored) => stored,
        };
        let mut known = self.credentials.lock().await;
        if let Some(found) = known.get(repository) {
            return Ok(found.clone());
        }
        let redactor = self.tokens.redactor();
        let found = stored.find(&self.address().name, repository, redactor).await?;
        known.insert(repository.to_owned(), found.clone());
        Ok(found)
    }

    /// The name of the user, for messages.
    async fn user(&self, repository: &str) -> Result<String, LoginError> {
        Ok(match self.credentials(repository).await? {
            Credentials::Nothing { .. } => "anonymous".to_owned(),
            Credentials::Password { user, .. } => user,
            Credentials::Identity(token) | Credentials::Bearer(token) => token.source().to_owned(),
            Credentials::Entra(_) => "entra".to_owned(),
        })
    }

    async fn token(
        &self,
        realm: &Realm,
        repository: &str,
        scopes: &[String],
    ) -> Result<Authorization, LoginError> {
        let credentials = self.credentials(repository).await?;
        if let Credentials::Bearer(token) = &credentials {
            let made = async {
                let header = format!("Bearer {}", token.expose());
                Ok(Token::lasting(self.tokens.redactor().adopt(token.source(), header)))
            };
            let value = self.tokens.get(&format!("\nbearer {repository}"), || made).await?;
            return Ok(Authorization { value, scope: None });
        }
        let has_secret =
            matches!(credentials, Credentials::Password { .. } | Credentials::Identity(_));
        if has_secret && !self.address().may_sign_in_at(&realm.url) {
            let token_host = realm.url.host_str().unwrap_or_default().to_owned();
            return Err(LoginError::TokenHost { host: self.host(), token_host });
        }
        let scope = scopes.join(" ");
        let fetch = || self.tokens.fetch(realm, &credentials, scopes);
        let value = self.tokens.get(&scope, fetch).await?;
        Ok(Authorization { value, scope: Some(scope) })
    }

    /// Whether the token for a scope permits an action. `None` where the token does
    /// not say.
    pub async fn permits(&self, scope: &Scope, action: &str) -> Result<Option<bool>, LoginError> {
        let Scope { repository, scopes } = scope;
        let authorization = self.authorize(repository, scopes).await?;
        let Some(authorization) = authorization else { return Ok(None) };
        let access = token::access(authorization.expose().trim_start_matches("Bearer "));
        Ok(access.map(|access| access.iter().any(|one| one.permits(repository, action))))
    }

    fn learn_scheme(&self, refusal: &Refusal) -> Result<(), LoginError> {
        let offers: Vec<Challenge> =
            refusal.challenges.iter().flat_map(|header| challenge::parse(header)).collect();
        let bearer = offers.iter().find(|offer| offer.scheme == "bearer");
        if let Some((offer, realm)) = bearer.and_then(|offer| Some((offer, offer.get("realm")?))) {
            let url = self.realm_url(realm)?;
            let service = offer.get("service").map(str::to_owned);
            self.set_scheme(AuthScheme::Token(Realm { url, service, presumed: false }));
        } else if offers.iter().any(|offer| offer.scheme == "basic") {
            self.set_scheme(AuthScheme::Basic);
        } else {
            let header = http::shortened(&refusal.challenges.join(", "), 200);
            return Err(LoginError::Challenge { host: self.host(), header });
        }
        Ok(())
    }

    /// The URL of a token server that may be sent a password: over TLS, unless the
    /// registry itself speaks plain HTTP, and not in a private network.
    fn realm_url(&self, realm: &str) -> Result<Url, LoginError> {
        let refused = |private_host| {
            let (host, realm) = (self.host(), http::shortened(realm, 200));
            LoginError::Realm { host, realm, private_host }
        };
        let address = self.address();
        // Some registries name only a path.
        let url = address.base.join(realm).ok().ok_or_else(|| refused(None))?;
        let plain = url.scheme() == "http" && address.base.scheme() == "http";
        if (url.scheme() == "https" || plain) && address.may_ask_for_tokens(&url) {
            Ok(url)
        } else {
            Err(refused(address.private_host(&url).map(str::to_owned)))
        }
    }

    fn scheme(&self) -> AuthScheme {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_scheme(&self, scheme: AuthScheme) {
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = scheme;
    }
}

/// The token server of an Azure registry, which need not be asked for its scheme:
/// that saves a round trip.
fn presumed(address: &Address) -> Option<Realm> {
    if !is_azure_registry(&address.name) || address.base.scheme() != "https" {
        return None;
    }
    let url = address.base.join("/oauth2/token").ok()?;
    Some(Realm { url, service: Some(address.name.clone()), presumed: true })
}
