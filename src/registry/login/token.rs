//! Tokens: requested, kept while they are valid, dropped when they are refused.
//!
//! After the token specification of distribution ("Token Authentication",
//! "`OAuth2` Token Authentication") and Azure's `AAD-OAuth.md`.

use super::credentials::{Credentials, EntraTokens, Hidden};
use super::error::{EntraCause, LoginError};
use super::not_a_token::not_a_token;
use crate::http;
use crate::registry::wire::{self, Address, QuickRetry};
use crate::secret::{Redactor, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// The scope of the Entra token that a registry exchanges.
const ENTRA_SCOPE: &str = "https://containerregistry.azure.net/.default";

/// The key of the refresh token among the tokens. No scope can begin with a line
/// break.
const REFRESH: &str = "\nrefresh";

/// How long a token is valid that does not say so ("Token Authentication").
const DEFAULT_TOKEN_LIFE: Duration = Duration::from_mins(1);
const MAX_TOKEN_LIFE: Duration = Duration::from_hours(24);
const MAX_TOKEN_RESPONSE_BYTES: usize = 1 << 20;

/// Where a registry issues tokens.
#[derive(Clone)]
pub struct Realm {
    pub url: Url,
    pub service: Option<String>,
    /// Whether this was presumed instead of read from a challenge.
    pub presumed: bool,
}

/// A token and how long to use it.
#[derive(Clone)]
pub struct Token {
    /// The value of an `Authorization` header, or a bare refresh token.
    value: Secret,
    until: Instant,
}

impl Token {
    /// A header that is valid as long as the password is.
    pub fn lasting(value: Secret) -> Self {
        Self { value, until: Instant::now() + MAX_TOKEN_LIFE }
    }
}

type TokenSlot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of one host by scope, and the means to request more.
pub struct TokenSource {
    address: Address,
    http: http::Client,
    redactor: Redactor,
    quick_retry: QuickRetry,
    slots: Mutex<BTreeMap<String, TokenSlot>>,
}

/// The response of a token server.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenResponse {
    token: Hidden,
    access_token: Hidden,
    refresh_token: Hidden,
    /// In seconds.
    expires_in: Option<u64>,
}

impl TokenSource {
    pub fn new(
        address: Address,
        http: http::Client,
        redactor: Redactor,
        quick_retry: QuickRetry,
    ) -> Self {
        Self { address, http, redactor, quick_retry, slots: Mutex::default() }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    fn slot(&self, scope: &str) -> TokenSlot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scope.to_owned()).or_default().clone()
    }

    /// The token of a scope. Where there is no valid one, one caller fetches it and
    /// the others wait.
    pub async fn get<F>(&self, scope: &str, fetch: impl FnOnce() -> F) -> Result<Secret, LoginError>
    where
        F: Future<Output = Result<Token, LoginError>>,
    {
        let slot = self.slot(scope);
        let mut kept = slot.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(token.value.clone());
        }
        let token = fetch().await?;
        let value = token.value.clone();
        *kept = Some(token);
        Ok(value)
    }

    /// Drops the token of a scope if it is still `value`.
    pub async fn forget(&self, scope: &str, value: &str) {
        let slot = self.slot(scope);
        let mut kept = slot.lock().await;
        if kept.as_ref().is_some_and(|token| token.value.expose() == value) {
            *kept = None;
        }
    }

    /// Requests a token for scopes.
    pub async fn fetch(
        &self,
        realm: &Realm,
        credentials: &Credentials,
        scopes: &[String],
    ) -> Result<Token, LoginError> {
        let response = match credentials {
            Credentials::Nothing { .. } | Credentials::Password { .. } | Credentials::Bearer(_) => {
                self.get_token(realm, credentials, scopes).await
            }
            Credentials::Identity(refresh) => self.refresh(realm, refresh, scopes).await,
            Credentials::Entra(entra) => {
                let exchange = || self.exchange(realm, entra.as_ref());
                let refresh = self.get(REFRESH, exchange).await?;
                match self.refresh(realm, &refresh, scopes).await {
                    // The registry may have revoked the refresh token.
                    Err(error) if error.status() == Some(401) => {
                        self.forget(REFRESH, refresh.expose()).await;
                        let refresh = self.get(REFRESH, exchange).await?;
                        self.refresh(realm, &refresh, scopes).await
                    }
                    other => other,
                }
            }
        };
        match response {
            Ok(response) => self.header(credentials, &response),
            Err(error) => Err(match error.status() {
                Some(400 | 401 | 403) if error.proxy_help("").is_none() => {
                    LoginError::rejected(self.address.name.clone(), credentials, error)
                }
                Some(_) | None => self.failed(error),
            }),
        }
    }

    async fn get_token(
        &self,
        realm: &Realm,
        credentials: &Credentials,
        scopes: &[String],
    ) -> Result<TokenResponse, http::Error> {
        let mut url = realm.url.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &realm.service {
                query.append_pair("service", service);
            }
            if let Credentials::Password { user, .. } = credentials {
                query.append_pair("account", user);
            }
            for scope in scopes {
                query.append_pair("scope", scope);
            }
        }
        let login = credentials.basic_header(&self.redactor);
        self.request("GET", &url, |request| match &login {
            Some(login) => request.header("authorization", login.expose()),
            None => request,
        })
        .await
    }

    async fn refresh(
        &self,
        realm: &Realm,
        refresh: &Secret,
        scopes: &[String],
    ) -> Result<TokenResponse, http::Error> {
        let scope = scopes.join(" ");
        let service = realm.service.as_deref().unwrap_or_default();
        let form = [
            ("grant_type", "refresh_token"),
            ("service", service),
            ("client_id", "shipway"),
            ("scope", &scope),
            ("refresh_token", refresh.expose()),
        ];
        self.request("POST", &realm.url, |request| request.form(&form)).await
    }

    /// Exchanges an Entra token for a refresh token of the registry.
    async fn exchange(&self, realm: &Realm, entra: &dyn EntraTokens) -> Result<Token, LoginError> {
        let host = || self.address.name.clone();
        if !self.address.may_have_entra_token() {
            return Err(LoginError::NotAzure { host: host() });
        }
        let refused = || {
            let (host, realm) = (host(), shown(&realm.url));
            LoginError::Realm { host, realm, private_host: None }
        };
        // An Azure token is only sent to the registry itself, not to a server that it
        // names.
        if !self.address.is_here(&realm.url) {
            return Err(refused());
        }
        let url = realm.url.join("/oauth2/exchange").ok().ok_or_else(refused)?;
        let given = entra
            .token(ENTRA_SCOPE)
            .await
            .map_err(|source| LoginError::Entra { host: host(), source: EntraCause(source) })?;
        let service = realm.service.clone().unwrap_or_else(host);
        let tenant = entra.tenant();
        let mut form = vec![
            ("grant_type", "access_token"),
            ("service", &service),
            ("access_token", given.expose()),
        ];
        if let Some(tenant) = &tenant {
            form.push(("tenant", tenant));
        }
        let response = self.request("POST", &url, |request| request.form(&form)).await;
        let response = response
            .map_err(|source| LoginError::Exchange { host: host(), source: Box::new(source) })?;
        let Some(refresh) = response.refresh_token.text() else {
            return Err(self.failed(unreadable("POST", &url, "it has no `refresh_token`")));
        };
        let until = valid_until(refresh, response.expires_in);
        Ok(Token { value: self.redactor.adopt(&host(), refresh.to_owned()), until })
    }

    /// Sends a request to a token server.
    async fn request(
        &self,
        method: &str,
        url: &Url,
        with: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<TokenResponse, http::Error> {
        let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let direct = self.http.direct();
        let send = || self.http.send(with(direct.request(verb.clone(), url.clone())));
        let response = self.quick_retry.send(send).await?;
        if !response.status().is_success() {
            return Err(wire::refused(method, response).await);
        }
        let content_type = wire::header(&response, "content-type").map(str::to_owned);
        let route = http::route_of(&response);
        let body = http::body(method, response, MAX_TOKEN_RESPONSE_BYTES).await?;
        // The cause is dropped because it quotes the text, which may be a token.
        serde_json::from_slice(&body).ok().ok_or_else(|| {
            let reason = not_a_token(content_type.as_deref(), &body);
            unreadable(method, url, &reason).by(route)
        })
    }

    fn header(
        &self,
        credentials: &Credentials,
        response: &TokenResponse,
    ) -> Result<Token, LoginError> {
        let Some(token) = response.token.text().or_else(|| response.access_token.text()) else {
            let error = unreadable("token", &self.address.base, "it has no `token`");
            return Err(self.failed(error));
        };
        let until = valid_until(token, response.expires_in);
        let source = match credentials {
            Credentials::Password { password: secret, .. }
            | Credentials::Identity(secret)
            | Credentials::Bearer(secret) => secret.source().to_owned(),
            Credentials::Nothing { .. } | Credentials::Entra(_) => self.address.name.clone(),
        };
        self.redactor.adopt(&source, token.to_owned());
        let value = self.redactor.adopt(&source, format!("Bearer {token}"));
        Ok(Token { value, until })
    }

    fn failed(&self, error: http::Error) -> LoginError {
        LoginError::Token { host: self.address.name.clone(), source: Box::new(error) }
    }
}

fn shown(url: &Url) -> String {
    http::SafeUrl::new(url.clone()).to_string()
}

fn unreadable(method: &str, url: &Url, reason: &str) -> http::Error {
    let (method, url) = (method.to_owned(), http::SafeUrl::new(url.clone()));
    let route = http::Route::default();
    http::Error::Unreadable { method, url, route, reason: reason.to_owned() }
}

/// The claims of a token that is a JWT.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    iat: Option<f64>,
    exp: Option<f64>,
    access: Option<Vec<Access>>,
}

/// One permission of a token ("Token Authentication Implementation").
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Access {
    /// `repository`, `registry`.
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    /// `pull`, `push`.
    #[serde(default)]
    pub actions: Vec<String>,
}

impl Access {
    /// Whether this permits an action in a repository.
    pub fn permits(&self, repository: &str, action: &str) -> bool {
        self.kind == "repository"
            && self.name == repository
            && self.actions.iter().any(|permitted| permitted == action || permitted == "*")
    }
}

fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The permissions of a token, where it names them.
pub fn access(token: &str) -> Option<Vec<Access>> {
    claims(token)?.access
}

/// The length of the token in a response, after everything in it was read: for
/// fuzzing.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let response: TokenResponse = serde_json::from_slice(bytes).ok()?;
    let token = response.token.text().or_else(|| response.access_token.text())?;
    access(token);
    valid_until(token, response.expires_in);
    Some(token.len())
}

/// When to stop using a token: a while before it expires. Its life is counted from
/// now, because the clock of the server may differ.
fn valid_until(token: &str, expires_in: Option<u64>) -> Instant {
    let claimed = claims(token)
        .and_then(|claims| Some(claims.exp? - claims.iat?))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let declared = expires_in.map(Duration::from_secs);
    let life = declared.into_iter().chain(claimed).min().unwrap_or(DEFAULT_TOKEN_LIFE);
    let life = life.min(MAX_TOKEN_LIFE);
    Instant::now() + life.saturating_sub((life / 4).min(Duration::from_secs(30)))
}
