//! Whether the sender of a request may do what it asks.

use super::scope::Grant;
use crate::local::entra::{now, verify};
use crate::local::registry::accounts::Rights;
use crate::local::registry::refused::Refused;
use crate::local::shared::Shared;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};

/// The name under which docker logs in with a refresh token.
pub(super) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What a request needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Need<'a> {
    /// To be somebody.
    Login,
    /// The list of repositories.
    Catalog,
    /// `pull`, `push`, `delete` or `metadata_read` in a repository.
    Repository(&'a str, &'static str),
}

/// What its sender may do.
#[derive(Clone, Debug)]
pub(in super::super) enum Access {
    /// As a user may, or anybody.
    Rights(Rights),
    /// As a token says.
    Token(Vec<Grant>),
}

impl Access {
    pub(in super::super) fn allows(&self, need: Need<'_>) -> bool {
        match (self, need) {
            (Self::Rights(Rights::All), _) | (Self::Token(_), Need::Login) => true,
            (Self::Rights(Rights::Pull), Need::Repository(_, action)) => {
                matches!(action, "pull" | "metadata_read")
            }
            (Self::Rights(rights), _) => *rights > Rights::None,
            (Self::Token(grants), Need::Catalog) => {
                grants.iter().any(|grant| grant.allows("registry", "catalog", "*"))
            }
            (Self::Token(grants), Need::Repository(name, action)) => grants.iter().any(|grant| {
                // Reading what a repository holds is part of pulling from it.
                grant.allows("repository", name, action)
                    || action == "metadata_read" && grant.allows("repository", name, "pull")
            }),
        }
    }
}

/// What the sender of a request may do, or the challenge that it is answered
/// with.
pub(in super::super) fn check(
    shared: &Shared,
    host: &str,
    headers: &HeaderMap,
    need: Need<'_>,
) -> Result<Access, Refused> {
    let access = access(shared, host, headers);
    match access {
        Some(access) if access.allows(need) => Ok(access),
        _ => Err(challenge(shared, host, need)),
    }
}

/// What the sender may do; nothing where its credentials are wrong.
fn access(shared: &Shared, host: &str, headers: &HeaderMap) -> Option<Access> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Some(Access::Rights(shared.accounts.anonymous(host)));
    };
    let (scheme, value) = given.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("basic") {
        let (username, password) = basic(value)?;
        return Some(Access::Rights(login(shared, host, &username, &password)));
    }
    let claims = verify(shared.identity.token_key.expose(), value.trim(), now())?;
    let ours = claims["aud"].as_str() == Some(host) && claims["grant_type"] == "access_token";
    ours.then(|| {
        Access::Token(serde_json::from_value(claims["access"].clone()).unwrap_or_default())
    })
}

/// User and password of a `Basic` header.
pub(super) fn basic(value: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}

/// What a user may do. With the name of nobody, a token is the password; with
/// an application's id, its secret.
pub(super) fn login(shared: &Shared, host: &str, username: &str, password: &str) -> Rights {
    if shared.accounts.is_azure(host) {
        let identity = &shared.identity;
        let token = || verify(identity.token_key.expose(), password, now());
        let ours = username == NOBODY && token().is_some_and(|claims| claims["aud"] == host)
            || username == identity.client_id && password == identity.client_secret.expose();
        if ours {
            return Rights::All;
        }
    }
    shared.accounts.login(host, username, password)
}

/// The 401 that says how to log in.
fn challenge(shared: &Shared, host: &str, need: Need<'_>) -> Refused {
    let scope = match need {
        Need::Login => String::new(),
        Need::Catalog => ",scope=\"registry:catalog:*\"".to_owned(),
        Need::Repository(name, action) => {
            let actions = if action == "push" { "pull,push" } else { action };
            format!(",scope=\"repository:{name}:{actions}\"")
        }
    };
    let (challenge, message) = if shared.accounts.is_azure(host) {
        (
            format!("Bearer realm=\"https://{host}/oauth2/token\",service=\"{host}\"{scope}"),
            "authentication required, visit https://aka.ms/acr/authorization for more information.",
        )
    } else {
        (format!("Basic realm=\"{host}\""), "authentication required")
    };
    Refused::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
        .with(header::WWW_AUTHENTICATE, challenge)
}
