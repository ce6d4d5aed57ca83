//! Tokens: asked for, kept while they are good, thrown away when they are not.
//!
//! After the token specification of distribution ("Token Authentication",
//! "`OAuth2` Token Authentication") and Azure's `AAD-OAuth.md`.

use super::error::{Cause, LoginError};
use super::session::{Realm, Session, basic};
use super::{Credentials, EntraTokens, Hidden};
use crate::http;
use crate::registry::wire;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// What Entra is asked for.
const ENTRA_SCOPE: &str = "https://containerregistry.azure.net/.default";

/// The slot of the refresh token, whose name no scope can have.
const REFRESH: &str = "\nrefresh";

/// How long a token is good when nobody says so ("Token Authentication").
const DEFAULT_LIFE: Duration = Duration::from_mins(1);

/// A token and how long to use it.
#[derive(Clone)]
pub(super) struct Token {
    /// What goes out with a request, or the bare token of a refresh.
    pub(super) value: Secret,
    until: Instant,
}

impl Token {
    /// A header that is good for as long as the password is.
    pub(super) fn lasting(value: Secret) -> Self {
        Self { value, until: Instant::now() + Duration::from_hours(24) }
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of one host by scope.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<BTreeMap<String, Slot>>,
}

impl Tokens {
    fn slot(&self, scope: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scope.to_owned()).or_default().clone()
    }

    /// The token of a scope; where there is none, one caller asks for it and
    /// the others wait.
    pub(super) async fn get<F>(
        &self,
        scope: &str,
        fetch: impl FnOnce() -> F,
    ) -> Result<Secret, LoginError>
    where
        F: Future<Output = Result<Token, LoginError>>,
    {
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        if let Some(token) = held.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(token.value.clone());
        }
        let token = fetch().await?;
        let value = token.value.clone();
        *held = Some(token);
        Ok(value)
    }

    /// Throws away the token of a scope if it is still `value`.
    pub(super) async fn forget(&self, scope: &str, value: &str) {
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        if held.as_ref().is_some_and(|token| token.value.expose() == value) {
            *held = None;
        }
    }
}

/// Asks for a token.
pub(super) async fn fetch(
    session: &Session,
    realm: &Realm,
    credentials: &Credentials,
    (scopes, tokens): (&[String], &Tokens),
) -> Result<Token, LoginError> {
    let asked = match credentials {
        Credentials::Nothing { .. } | Credentials::Password { .. } | Credentials::Bearer(_) => {
            get(session, realm, credentials, scopes).await
        }
        Credentials::Identity(refresh) => post(session, realm, refresh, scopes).await,
        Credentials::Entra(entra) => {
            let exchange = || exchange(session, realm, entra.as_ref());
            let refresh = tokens.get(REFRESH, exchange).await?;
            match post(session, realm, &refresh, scopes).await {
                // The refresh token may have been thrown away at the other end.
                Err(error) if error.status() == Some(401) => {
                    tokens.forget(REFRESH, refresh.expose()).await;
                    let refresh = tokens.get(REFRESH, exchange).await?;
                    post(session, realm, &refresh, scopes).await
                }
                other => other,
            }
        }
    };
    match asked {
        Ok(answer) => header(session, credentials, &answer),
        Err(error) => Err(match error.status() {
            Some(400 | 401 | 403) => session.rejected(credentials, error),
            Some(_) | None => failed(session, error),
        }),
    }
}

fn failed(session: &Session, error: http::Error) -> LoginError {
    LoginError::Token { host: session.address.name.clone(), source: Box::new(error) }
}

/// What a token server answers with.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    token: Hidden,
    access_token: Hidden,
    refresh_token: Hidden,
    expires_in: Option<u64>,
}

async fn get(
    session: &Session,
    realm: &Realm,
    credentials: &Credentials,
    scopes: &[String],
) -> Result<Answer, http::Error> {
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
    let login = basic(credentials, &session.redactor);
    ask(session, "GET", &url, |request| match &login {
        Some(login) => request.header("authorization", login.expose()),
        None => request,
    })
    .await
}

async fn post(
    session: &Session,
    realm: &Realm,
    refresh: &Secret,
    scopes: &[String],
) -> Result<Answer, http::Error> {
    let scope = scopes.join(" ");
    let service = realm.service.as_deref().unwrap_or_default();
    let form = [
        ("grant_type", "refresh_token"),
        ("service", service),
        ("client_id", "shipway"),
        ("scope", &scope),
        ("refresh_token", refresh.expose()),
    ];
    ask(session, "POST", &realm.url, |request| request.form(&form)).await
}

/// Turns a token of Entra into a refresh token of the registry.
async fn exchange(
    session: &Session,
    realm: &Realm,
    entra: &dyn EntraTokens,
) -> Result<Token, LoginError> {
    let host = || session.address.name.clone();
    // A token for Azure goes to the registry itself and to nobody it names.
    if !session.address.is_here(&realm.url) {
        return Err(LoginError::Realm { host: host(), realm: shown(&realm.url) });
    }
    let url = realm.url.join("/oauth2/exchange").ok();
    let url = url.ok_or_else(|| LoginError::Realm { host: host(), realm: shown(&realm.url) })?;
    let given = entra
        .token(ENTRA_SCOPE)
        .await
        .map_err(|source| LoginError::Entra { host: host(), source: Cause(source) })?;
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
    let answer = ask(session, "POST", &url, |request| request.form(&form)).await;
    let answer =
        answer.map_err(|source| LoginError::Exchange { host: host(), source: Box::new(source) })?;
    let Some(refresh) = answer.refresh_token.text() else {
        return Err(failed(session, unreadable("POST", &url, "it has no `refresh_token`")));
    };
    let until = until(refresh, answer.expires_in);
    Ok(Token { value: session.redactor.adopt(&host(), refresh.to_owned()), until })
}

fn shown(url: &Url) -> String {
    http::SafeUrl::new(url.clone()).to_string()
}

fn unreadable(method: &str, url: &Url, reason: &str) -> http::Error {
    let (method, url) = (method.to_owned(), http::SafeUrl::new(url.clone()));
    http::Error::Unreadable { method, url, reason: reason.to_owned() }
}

/// Sends a request to a token server, again where the connection broke.
async fn ask(
    session: &Session,
    method: &str,
    url: &Url,
    with: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Result<Answer, http::Error> {
    let http = &session.http;
    let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or_default();
    let send = || http.send(with(http.direct().request(verb.clone(), url.clone())));
    let response = session.pauses.quickly(send).await?;
    if !response.status().is_success() {
        return Err(wire::refused(method, response).await);
    }
    let body = http::body(method, response, 1 << 20).await?;
    // What is wrong is not quoted: it may be a token.
    serde_json::from_slice(&body)
        .ok()
        .ok_or_else(|| unreadable(method, url, "it is not the JSON of a token"))
}

fn header(
    session: &Session,
    credentials: &Credentials,
    answer: &Answer,
) -> Result<Token, LoginError> {
    let Some(token) = answer.token.text().or_else(|| answer.access_token.text()) else {
        let url = &session.address.base;
        return Err(failed(session, unreadable("token", url, "it has no `token`")));
    };
    let until = until(token, answer.expires_in);
    let source = match credentials {
        Credentials::Password { password: secret, .. }
        | Credentials::Identity(secret)
        | Credentials::Bearer(secret) => secret.source().to_owned(),
        Credentials::Nothing { .. } | Credentials::Entra(_) => session.address.name.clone(),
    };
    session.redactor.adopt(&source, token.to_owned());
    let value = session.redactor.adopt(&source, format!("Bearer {token}"));
    Ok(Token { value, until })
}

/// What a token says about itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    iat: Option<f64>,
    exp: Option<f64>,
    access: Option<Vec<Access>>,
}

/// What a token is good for ("Token Authentication Implementation").
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(in crate::registry) struct Access {
    /// `repository`.
    #[serde(rename = "type")]
    pub(in crate::registry) kind: String,
    /// Which one.
    pub(in crate::registry) name: String,
    /// `pull`, `push`.
    #[serde(default)]
    pub(in crate::registry) actions: Vec<String>,
}

fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What a token is good for, where it is one that says so.
pub(super) fn access(token: &str) -> Option<Vec<Access>> {
    claims(token)?.access
}

/// How long the token is that a server answered with, once it was looked at in
/// every way.
pub(in crate::registry) fn length(bytes: &[u8]) -> Option<usize> {
    let answer: Answer = serde_json::from_slice(bytes).ok()?;
    let token = answer.token.text().or_else(|| answer.access_token.text())?;
    access(token);
    until(token, answer.expires_in);
    Some(token.len())
}

/// When to stop using a token: a while before its end. Its life is counted from
/// now, because clocks differ.
fn until(token: &str, expires_in: Option<u64>) -> Instant {
    let claimed = claims(token)
        .and_then(|claims| Some(claims.exp? - claims.iat?))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let said = expires_in.map(Duration::from_secs);
    let life = said.into_iter().chain(claimed).min().unwrap_or(DEFAULT_LIFE);
    let life = life.min(Duration::from_hours(24));
    Instant::now() + life.saturating_sub((life / 4).min(Duration::from_secs(30)))
}
