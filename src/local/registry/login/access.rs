//! Decides what the sender of a request may do.

use super::scope::Grant;
use crate::local::entra::{Tokens, now, verify};
use crate::local::registry::accounts::{Accounts, Rights};
use crate::local::registry::error::DistributionError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

/// The user name with which docker and az present a refresh token as a password.
const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// What the service answers to a missing or wrong login.
pub const AZURE_UNAUTHORIZED: &str =
    "authentication required, visit https://aka.ms/acr/authorization for more information.";

/// What the sender of a request must be allowed to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Permission<'a> {
    /// Any valid login, or anonymous access to anything.
    Login,
    Catalog,
    /// `pull`, `push`, `delete` or `metadata_read` in a repository.
    Repository(&'a str, &'static str),
}

/// What the sender of a request may do.
#[derive(Clone, Debug)]
pub enum Access {
    /// Of a user, or of anonymous access.
    Rights(Rights),
    /// What the access token grants.
    Token(Vec<Grant>),
}

impl Access {
    /// Whether the login is good for anything.
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::Rights(Rights::None))
    }

    pub fn allows(&self, need: Permission<'_>) -> bool {
        match (self, need) {
            (Self::Rights(Rights::All), _) | (Self::Token(_), Permission::Login) => true,
            (Self::Rights(Rights::Pull), Permission::Repository(_, action)) => {
                matches!(action, "pull" | "metadata_read")
            }
            (Self::Rights(rights), _) => *rights > Rights::None,
            (Self::Token(grants), Permission::Catalog) => {
                grants.iter().any(|grant| grant.allows("registry", "catalog", "*"))
            }
            (Self::Token(grants), Permission::Repository(name, action)) => {
                grants.iter().any(|grant| {
                    // At Azure, a grant to pull includes reading metadata.
                    grant.allows("repository", name, action)
                        || action == "metadata_read" && grant.allows("repository", name, "pull")
                })
            }
        }
    }
}

/// Checks logins to one registry: against its accounts, and at an Azure registry
/// also against the tokens that it issued.
pub struct Logins<'a> {
    pub accounts: &'a Accounts,
    pub tokens: &'a Tokens,
    /// The host name of the registry.
    pub host: &'a str,
}

impl Logins<'_> {
    /// What the sender of a request may do.
    ///
    /// The error is a 401 with the challenge that tells how to log in.
    pub fn check(
        &self,
        headers: &HeaderMap,
        need: Permission<'_>,
    ) -> Result<Access, DistributionError> {
        match self.access(headers) {
            Some(Access::Rights(Rights::Pull)) if need == Permission::Login => {
                // What a public registry answers, so that clients ask for a token.
                Err(self.challenge(need))
            }
            Some(access) if access.allows(need) => Ok(access),
            _ => Err(self.challenge(need)),
        }
    }

    /// `None` where the credentials are wrong.
    fn access(&self, headers: &HeaderMap) -> Option<Access> {
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return Some(Access::Rights(self.accounts.anonymous(self.host)));
        };
        let (scheme, value) = given.to_str().ok()?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("basic") {
            let (username, password) = basic(value)?;
            return Some(self.login(&username, &password));
        }
        let claims = self.verified(value.trim())?;
        let ours = claims["aud"] == self.host && claims["grant_type"] == "access_token";
        ours.then(|| {
            Access::Token(serde_json::from_value(claims["access"].clone()).unwrap_or_default())
        })
    }

    /// The claims of a token that this local cloud signed and that is still valid.
    pub fn verified(&self, token: &str) -> Option<Value> {
        verify(self.tokens.identity().token_key.expose(), token, now())
    }

    /// What a user with this password may do. At Azure's registries a token is a
    /// password for [`TOKEN_USER`], and the service principal logs in with its
    /// client secret.
    pub fn login(&self, username: &str, password: &str) -> Access {
        if self.accounts.is_azure(self.host) {
            let identity = self.tokens.identity();
            let by_token = || self.verified(password).is_some_and(|it| it["aud"] == self.host);
            let ours = username == TOKEN_USER && by_token()
                || username == identity.client_id && password == identity.client_secret.expose();
            if ours {
                return Access::Rights(Rights::All);
            }
        }
        match self.accounts.token_grants(self.host, username, password) {
            Some(grants) => Access::Token(grants),
            None => Access::Rights(self.accounts.login(self.host, username, password)),
        }
    }

    fn challenge(&self, need: Permission<'_>) -> DistributionError {
        let host = self.host;
        let scope = match need {
            Permission::Login => String::new(),
            Permission::Catalog => ",scope=\"registry:catalog:*\"".to_owned(),
            Permission::Repository(name, action) => {
                let actions = if action == "push" { "pull,push" } else { action };
                format!(",scope=\"repository:{name}:{actions}\"")
            }
        };
        let (challenge, message) = if self.accounts.issues_tokens(host) {
            let realm = format!("https://{host}/oauth2/token");
            (format!("Bearer realm=\"{realm}\",service=\"{host}\"{scope}"), AZURE_UNAUTHORIZED)
        } else {
            (format!("Basic realm=\"{host}\""), "authentication required")
        };
        DistributionError::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
            .with(header::WWW_AUTHENTICATE, challenge)
    }
}

/// User and password of the value of a `Basic` header.
pub fn basic(value: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}
