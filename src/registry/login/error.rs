//! Errors of signing in, with their remedies.

use super::credentials::Credentials;
use crate::http::{self, Retry, Retryable};
use crate::registry::azure::{is_azure_registry, registry_name};
use crate::registry::help;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// A failed login.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("cannot read the stored logins in `{}`", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("cannot read the stored logins in the variable `{name}`")]
    Variable { name: &'static str, source: std::io::Error },
    /// A credential helper failed or printed something else than a login.
    #[error("cannot ask `{program}` for the login to `{host}`")]
    Helper { program: String, host: String, source: std::io::Error },
    /// The registry asks for a login and there is no login for it.
    #[error("cannot sign in to `{host}`: it asks for a login, and there is none")]
    Needed {
        host: String,
        /// Why there is no login.
        note: Option<String>,
    },
    /// The registry does not accept user and password.
    #[error("cannot sign in to `{host}` as `{user}` with the password from `{from}`")]
    Refused {
        host: String,
        user: String,
        /// The source of the password, as the plan names it.
        from: String,
        source: Box<http::Error>,
    },
    /// The registry does not accept a stored token (any longer).
    #[error("cannot sign in to `{host}` with the token from `{from}`")]
    Expired {
        host: String,
        /// The file or helper that holds the token.
        from: String,
        source: Box<http::Error>,
    },
    /// Entra issued no token.
    #[error("cannot sign in to `{host}` with Entra ID")]
    Entra { host: String, source: EntraCause },
    /// Whoever has an Entra token signs in to each registry of Azure.
    #[error("cannot sign in to `{host}` with Entra ID: it is no registry of Azure")]
    NotAzure { host: String },
    /// The registry did not exchange the Entra token.
    #[error("cannot sign in to `{host}` with Entra ID")]
    Exchange { host: String, source: Box<http::Error> },
    /// The registry offers no supported scheme.
    #[error("cannot sign in to `{host}`: it offers no supported scheme: `{header}`")]
    Challenge { host: String, header: String },
    /// The registry names a token server that must not be sent a password.
    #[error("cannot sign in to `{host}`: it sends logins to `{realm}`, which is not allowed")]
    Realm {
        host: String,
        realm: String,
        /// The host of the realm where it is refused for its private address alone.
        private_host: Option<String>,
    },
    /// The registry names a token server that nothing connects with it.
    #[error("cannot sign in to `{host}`: it sends logins to `{token_host}`, another host")]
    TokenHost { host: String, token_host: String },
    /// The token server issued no token.
    #[error("cannot sign in to `{host}`")]
    Token { host: String, source: Box<http::Error> },
    /// The user lacks a permission.
    #[error("cannot sign in to `{host}`: `{user}` may not {action} `{repository}`")]
    Lacks {
        host: String,
        user: String,
        /// `pull` or `push`.
        action: String,
        repository: String,
    },
}

/// An error of the Entra client, with its retry class and help.
pub struct EntraCause(pub Box<dyn Retryable>);

impl fmt::Debug for EntraCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for EntraCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for EntraCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl LoginError {
    /// The error of credentials that the host, or its token server, does not accept.
    pub fn rejected(host: String, credentials: &Credentials, error: http::Error) -> Self {
        let source = Box::new(error);
        match credentials {
            Credentials::Nothing { note } => Self::Needed { host, note: note.clone() },
            Credentials::Password { user, password } => {
                let (user, from) = (user.clone(), password.source().to_owned());
                Self::Refused { host, user, from, source }
            }
            Credentials::Identity(token) | Credentials::Bearer(token) => {
                Self::Expired { host, from: token.source().to_owned(), source }
            }
            Credentials::Entra(_) => Self::Exchange { host, source },
        }
    }
}

impl Retryable for LoginError {
    fn retry(&self) -> Retry {
        match self {
            Self::Entra { source, .. } => source.0.retry(),
            Self::Token { source, .. } | Self::Exchange { source, .. } => source.retry(),
            Self::File { .. }
            | Self::Variable { .. }
            | Self::Helper { .. }
            | Self::Needed { .. }
            | Self::Refused { .. }
            | Self::Expired { .. }
            | Self::Challenge { .. }
            | Self::NotAzure { .. }
            | Self::Realm { .. }
            | Self::TokenHost { .. }
            | Self::Lacks { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::File { path, .. } => Some(format!(
                "repair or remove `{}`, or name a login for the host under `registries`",
                path.display()
            )),
            Self::Variable { name, .. } => Some(format!(
                "repair or unset `{name}`, or name a login for the host under `registries`"
            )),
            Self::Helper { program, host, .. } => Some(format!(
                "run `echo {host} | {program} get` to see what it says, or name a login for \
                 `{host}` under `registries`"
            )),
            Self::Needed { host, note } => {
                let ways = format!(
                    "name a login for `{host}` under `registries`, or run `docker login {host}`"
                );
                Some(note.as_ref().map_or(ways.clone(), |note| format!("{note}; {ways}")))
            }
            Self::Refused { host, user, from, .. } => Some(refused(host, user, from)),
            Self::Expired { host, .. } if is_azure_registry(host) => {
                Some(format!("run `az acr login --name {}` again", registry_name(host)))
            }
            Self::Expired { host, .. } => Some(format!("run `docker login {host}` again")),
            Self::Entra { source, .. } => source.0.help(),
            Self::NotAzure { host } => Some(format!(
                "name another `login` for it; if it is one, with a domain of its own, name \
                 `{host}` in the environment variable `SHIPWAY_TOKEN_HOSTS`"
            )),
            Self::Exchange { host, source } => exchange(host, source),
            Self::Challenge { .. } => Some("Basic and Bearer are supported".to_owned()),
            Self::Realm { host, private_host: Some(private), .. } => Some(format!(
                "if `{private}`, a private address, is the token server of `{host}`, name it in \
                 the environment variable `SHIPWAY_TOKEN_HOSTS`"
            )),
            Self::Realm { host, private_host: None, .. } => {
                Some(format!("`{host}` is set up wrongly, or not the registry that you mean"))
            }
            Self::TokenHost { host, token_host } => Some(format!(
                "if `{token_host}` may have the password of `{host}`, name it in the environment \
                 variable `SHIPWAY_TOKEN_HOSTS`"
            )),
            Self::Token { host, source } => help::of_request(source, host),
            Self::Lacks { host, action, .. } => Some(help::permission(host, action)),
        }
    }
}

fn refused(host: &str, user: &str, from: &str) -> String {
    let help = format!("check that `{from}` holds the present password of `{user}`");
    if !is_azure_registry(host) {
        return help;
    }
    let name = registry_name(host);
    format!(
        "{help}; `az acr credential show --name {name}` shows the admin user's, if it is enabled"
    )
}

fn exchange(host: &str, source: &http::Error) -> Option<String> {
    match source.status() {
        Some(401) => Some(format!(
            "the identity is not known to the tenant of `{host}`; check the tenant you are signed in to"
        )),
        Some(_) | None => help::of_request(source, host),
    }
}
