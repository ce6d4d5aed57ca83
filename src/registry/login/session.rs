//! What is known of signing in to one host: what it asks for, the credentials,
//! the tokens it gave. Everything is asked for once, however many wait for it.

use super::challenge::{self, Challenge};
use super::error::LoginError;
use super::token::{self, Token, Tokens};
use super::{Credentials, Login, is_azure_registry};
use crate::http;
use crate::registry::wire::{Address, Pauses};
use crate::secret::{Redactor, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// The value of an `Authorization` header.
#[derive(Clone)]
pub(in crate::registry) struct Authorization {
    value: Secret,
    /// Which token it is, where it is one.
    scope: Option<String>,
}

impl Authorization {
    /// The header itself, for the request alone.
    pub(in crate::registry) fn expose(&self) -> &str {
        self.value.expose()
    }

    fn same(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

/// What a host asks for.
#[derive(Clone)]
enum Asks {
    /// It has not been asked.
    Unknown,
    /// Nothing so far.
    Nothing,
    /// User and password with each request.
    Basic,
    /// A token.
    Token(Realm),
}

/// Where tokens are to be had.
#[derive(Clone)]
pub(super) struct Realm {
    pub(super) url: Url,
    pub(super) service: Option<String>,
    /// Whether this was known beforehand rather than said by the registry.
    presumed: bool,
}

/// The login to one host.
pub(in crate::registry) struct Session {
    pub(in crate::registry) address: Address,
    pub(super) http: http::Client,
    pub(super) redactor: Redactor,
    pub(super) pauses: Pauses,
    login: Login,
    asks: Mutex<Asks>,
    /// Held by the one request that finds out what the host asks for.
    learning: tokio::sync::Mutex<()>,
    credentials: tokio::sync::Mutex<BTreeMap<String, Credentials>>,
    tokens: Tokens,
}

impl Session {
    pub(in crate::registry) fn new(
        address: Address,
        login: Login,
        http: http::Client,
        (redactor, pauses): (Redactor, Pauses),
    ) -> Self {
        let asks = presumed(&address).map_or(Asks::Unknown, Asks::Token);
        Self {
            address,
            http,
            redactor,
            pauses,
            login,
            asks: Mutex::new(asks),
            learning: tokio::sync::Mutex::default(),
            credentials: tokio::sync::Mutex::default(),
            tokens: Tokens::default(),
        }
    }

    /// To be held over a request while it is not known what the host asks for
    /// and it is likely to ask for something: one goes first, the others wait.
    pub(in crate::registry) async fn first(
        &self,
        repository: &str,
    ) -> Result<Option<tokio::sync::MutexGuard<'_, ()>>, LoginError> {
        if !matches!(self.asks(), Asks::Unknown) || self.credentials(repository).await?.is_nothing()
        {
            return Ok(None);
        }
        let guard = self.learning.lock().await;
        Ok(matches!(self.asks(), Asks::Unknown).then_some(guard))
    }

    /// The host answered without asking for anything.
    pub(in crate::registry) fn was_open(&self) {
        let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*asks, Asks::Unknown) {
            *asks = Asks::Nothing;
        }
    }

    /// Whether an answer shows that our login is good: the host asked for it, or
    /// we have none.
    pub(in crate::registry) async fn is_shown(&self, repository: &str) -> Result<bool, LoginError> {
        let asked = matches!(self.asks(), Asks::Basic | Asks::Token(_));
        Ok(asked || self.credentials(repository).await?.is_nothing())
    }

    /// What to send with a request for `scopes`, of which `repository` is the
    /// one that credentials are looked up for.
    pub(in crate::registry) async fn authorize(
        &self,
        repository: &str,
        scopes: &[String],
    ) -> Result<Option<Authorization>, LoginError> {
        match self.asks() {
            Asks::Unknown | Asks::Nothing => Ok(None),
            Asks::Basic => {
                let credentials = self.credentials(repository).await?;
                let Credentials::Password { .. } = &credentials else { return Ok(None) };
                // Made once, because the redactor remembers each.
                let made = async {
                    let header = basic(&credentials, &self.redactor);
                    header.map(Token::lasting).ok_or_else(|| self.nothing())
                };
                let value = self.tokens.get(&format!("\nbasic {repository}"), || made).await?;
                Ok(Some(Authorization { value, scope: None }))
            }
            Asks::Token(realm) => match self.token(&realm, repository, scopes).await {
                // What was known beforehand is not so: ask as one asks anybody.
                Err(LoginError::Token { source, .. } | LoginError::Exchange { source, .. })
                    if realm.presumed && source.status() == Some(404) =>
                {
                    self.set(Asks::Unknown);
                    Ok(None)
                }
                other => other.map(Some),
            },
        }
    }

    /// After a 401 to a request that carried `sent`: what to send instead, or
    /// the error that it is.
    pub(in crate::registry) async fn asked_again(
        &self,
        (repository, action): (&str, &str),
        scopes: &[String],
        (sent, refusal): (Option<&Authorization>, Refusal),
    ) -> Result<Authorization, LoginError> {
        self.learn(&refusal)?;
        if let Some(scope) = sent.and_then(|sent| sent.scope.as_ref()) {
            self.tokens.forget(scope, sent.map_or("", |sent| sent.expose())).await;
        }
        match (self.authorize(repository, scopes).await?, sent) {
            (None, _) => Err(self.needed(repository).await?),
            (Some(next), Some(sent)) if next.same(sent) => {
                Err(self.refused(repository, action, refusal).await?)
            }
            (Some(next), _) => Ok(next),
        }
    }

    /// The error of a request that was refused although it carried all there is.
    pub(in crate::registry) async fn refused(
        &self,
        repository: &str,
        action: &str,
        refusal: Refusal,
    ) -> Result<LoginError, LoginError> {
        let credentials = self.credentials(repository).await?;
        match (&credentials, self.asks()) {
            (Credentials::Nothing { .. }, _) => self.needed(repository).await,
            // It was good enough for a fresh token, so the password is right.
            (Credentials::Password { .. } | Credentials::Entra(_), Asks::Token(_)) => {
                self.lacks(repository, action).await
            }
            (_, _) => Ok(self.rejected(&credentials, refusal.error)),
        }
    }

    /// The error of somebody who is known and may not.
    pub(in crate::registry) async fn lacks(
        &self,
        repository: &str,
        action: &str,
    ) -> Result<LoginError, LoginError> {
        Ok(LoginError::Lacks {
            host: self.address.name.clone(),
            user: self.user(repository).await?,
            action: action.to_owned(),
            repository: repository.to_owned(),
        })
    }

    fn nothing(&self) -> LoginError {
        LoginError::Needed { host: self.address.name.clone(), note: None }
    }

    async fn needed(&self, repository: &str) -> Result<LoginError, LoginError> {
        let note = match self.credentials(repository).await? {
            Credentials::Nothing { note } => note,
            Credentials::Identity(_) | Credentials::Bearer(_) | Credentials::Entra(_) => {
                Some("it takes user and password, and the login is a token".to_owned())
            }
            Credentials::Password { .. } => None,
        };
        Ok(LoginError::Needed { host: self.address.name.clone(), note })
    }

    /// The error of credentials that are not taken.
    pub(super) fn rejected(&self, credentials: &Credentials, error: http::Error) -> LoginError {
        let host = self.address.name.clone();
        let source = Box::new(error);
        match credentials {
            Credentials::Nothing { note } => LoginError::Needed { host, note: note.clone() },
            Credentials::Password { user, password } => {
                let (user, from) = (user.clone(), password.source().to_owned());
                LoginError::Refused { host, user, from, source }
            }
            Credentials::Identity(token) | Credentials::Bearer(token) => {
                LoginError::Expired { host, from: token.source().to_owned(), source }
            }
            Credentials::Entra(_) => LoginError::Exchange { host, source },
        }
    }

    /// The credentials for a repository, looked up once.
    pub(super) async fn credentials(&self, repository: &str) -> Result<Credentials, LoginError> {
        let stored = match &self.login {
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
        let found = stored.find(&self.address.name, repository, &self.redactor).await?;
        known.insert(repository.to_owned(), found.clone());
        Ok(found)
    }

    /// Who signs in, for messages.
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
                Ok(Token::lasting(self.redactor.adopt(token.source(), header)))
            };
            let value = self.tokens.get(&format!("\nbearer {repository}"), || made).await?;
            return Ok(Authorization { value, scope: None });
        }
        let scope = scopes.join(" ");
        let value = self
            .tokens
            .get(&scope, || token::fetch(self, realm, &credentials, (scopes, &self.tokens)))
            .await?;
        Ok(Authorization { value, scope: Some(scope) })
    }

    /// What the token for `scopes` says it is good for, where it says so.
    pub(in crate::registry) async fn granted(
        &self,
        repository: &str,
        scopes: &[String],
    ) -> Result<Option<Vec<token::Access>>, LoginError> {
        let Some(authorization) = self.authorize(repository, scopes).await? else {
            return Ok(None);
        };
        Ok(token::access(authorization.expose().trim_start_matches("Bearer ")))
    }

    fn learn(&self, refusal: &Refusal) -> Result<(), LoginError> {
        let offers: Vec<Challenge> =
            refusal.challenges.iter().flat_map(|header| challenge::parse(header)).collect();
        let bearer = offers.iter().find(|offer| offer.scheme == "bearer");
        if let Some((offer, realm)) = bearer.and_then(|offer| Some((offer, offer.get("realm")?))) {
            let url = self.realm(realm)?;
            let service = offer.get("service").map(str::to_owned);
            self.set(Asks::Token(Realm { url, service, presumed: false }));
        } else if offers.iter().any(|offer| offer.scheme == "basic") {
            self.set(Asks::Basic);
        } else {
            let header = refusal.challenges.join(", ").chars().take(200).collect();
            return Err(LoginError::Challenge { host: self.address.name.clone(), header });
        }
        Ok(())
    }

    /// A realm that may be given a password: over TLS, unless the registry
    /// itself speaks plain HTTP, and no machine of somebody's inner network.
    fn realm(&self, realm: &str) -> Result<Url, LoginError> {
        let refused = || LoginError::Realm {
            host: self.address.name.clone(),
            realm: realm.chars().take(200).collect(),
        };
        // Some registries name a path of their own.
        let url = self.address.base.join(realm).ok().ok_or_else(refused)?;
        let plain = url.scheme() == "http" && self.address.base.scheme() == "http";
        if (url.scheme() == "https" || plain) && self.address.may_go(&url) {
            Ok(url)
        } else {
            Err(refused())
        }
    }

    fn asks(&self) -> Asks {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, asks: Asks) {
        *self.asks.lock().unwrap_or_else(PoisonError::into_inner) = asks;
    }
}

/// A 401: what it offers, and the error it is when nothing helps.
pub(in crate::registry) struct Refusal {
    pub(in crate::registry) challenges: Vec<String>,
    pub(in crate::registry) error: http::Error,
}

/// Azure registries are known to ask for a token, and where it is to be had.
fn presumed(address: &Address) -> Option<Realm> {
    if !is_azure_registry(&address.name) || address.base.scheme() != "https" {
        return None;
    }
    let url = address.base.join("/oauth2/token").ok()?;
    Some(Realm { url, service: Some(address.name.clone()), presumed: true })
}

/// User and password as a header (RFC 7617).
pub(super) fn basic(credentials: &Credentials, redactor: &Redactor) -> Option<Secret> {
    let Credentials::Password { user, password } = credentials else { return None };
    let joined = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
    let encoded = format!("Basic {}", STANDARD.encode(joined.as_bytes()));
    Some(redactor.adopt(password.source(), encoded))
}
