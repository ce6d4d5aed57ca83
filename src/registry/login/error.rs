//! Why signing in did not work, and what to do about it.

use super::is_azure_registry;
use crate::http::{self, Retry, Retryable};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// A login that did not work.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// A file of docker or podman cannot be read.
    #[error("read the stored logins in `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A variable of the environment does not hold logins.
    #[error("read the stored logins in the variable `{name}`")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A credential helper does not answer as one.
    #[error("ask `{program}` for the login to `{host}`")]
    Helper {
        /// The program.
        program: String,
        /// The registry.
        host: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The registry wants a login and there is none.
    #[error("sign in to `{host}`: it asks for a login, and there is none")]
    Needed {
        /// The registry.
        host: String,
        /// Why there is none.
        note: Option<String>,
    },
    /// User or password are wrong.
    #[error("sign in to `{host}` as `{user}` with the password from `{from}`")]
    Refused {
        /// The registry.
        host: String,
        /// The user.
        user: String,
        /// Where the password came from.
        from: String,
        /// The answer.
        source: Box<http::Error>,
    },
    /// A token is not, or no longer, good.
    #[error("sign in to `{host}` with the token from `{from}`")]
    Expired {
        /// The registry.
        host: String,
        /// Where the token came from.
        from: String,
        /// The answer.
        source: Box<http::Error>,
    },
    /// Entra gives no token.
    #[error("sign in to `{host}` by entra")]
    Entra {
        /// The registry.
        host: String,
        /// Why not.
        source: Cause,
    },
    /// The registry does not take the identity.
    #[error("sign in to `{host}` by entra")]
    Exchange {
        /// The registry.
        host: String,
        /// The answer.
        source: Box<http::Error>,
    },
    /// The registry offers nothing that is known here.
    #[error("sign in to `{host}`: it offers no way that is known: `{header}`")]
    Challenge {
        /// The registry.
        host: String,
        /// What it offers.
        header: String,
    },
    /// The registry sends its users to a place where no password may go.
    #[error("sign in to `{host}`: it sends logins to `{realm}`, where none may go")]
    Realm {
        /// The registry.
        host: String,
        /// The place.
        realm: String,
    },
    /// No token was to be had.
    #[error("sign in to `{host}`")]
    Token {
        /// The registry.
        host: String,
        /// Why not.
        source: Box<http::Error>,
    },
    /// The token does not hold what was asked for.
    #[error("sign in to `{host}`: `{user}` may not {action} `{repository}`")]
    Lacks {
        /// The registry.
        host: String,
        /// Who.
        user: String,
        /// `pull` or `push`.
        action: String,
        /// Of which repository.
        repository: String,
    },
}

/// An error of another part, with its class and help.
pub struct Cause(pub Box<dyn Retryable>);

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
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
            | Self::Realm { .. }
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
            Self::Exchange { host, source } => exchange(host, source),
            Self::Challenge { .. } => Some("Basic and Bearer are known".to_owned()),
            Self::Realm { host, .. } => {
                Some(format!("`{host}` is set up wrongly, or not the registry that you mean"))
            }
            Self::Token { host, source } => crate::registry::error::help(source, host),
            Self::Lacks { host, action, .. } => Some(may(host, action)),
        }
    }
}

fn registry_name(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
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
        Some(_) | None => crate::registry::error::help(source, host),
    }
}

/// Who may do what, in the words of the registry.
pub(in crate::registry) fn may(host: &str, action: &str) -> String {
    if is_azure_registry(host) {
        let (role, new) = if action == "pull" {
            ("AcrPull", "Container Registry Repository Reader")
        } else {
            ("AcrPush", "Container Registry Repository Writer")
        };
        return format!(
            "give the identity the role `{role}` on the registry `{}` (`{new}` where it uses \
             repository permissions); a new role takes some minutes to hold",
            registry_name(host)
        );
    }
    format!("ask whoever runs `{host}` for the right to {action}, or sign in as someone who has it")
}
