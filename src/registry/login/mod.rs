//! Signing in to a registry: which credentials a host gets, what it asks for,
//! and the tokens it hands out.
//!
//! No environment is read here: home directory and variables are arguments. A
//! token goes only to the host it is for.

mod challenge;
mod document;
mod error;
mod helper;
mod session;
mod stored;
mod token;

pub(in crate::registry) use challenge::parameters as challenge_parameters;
pub use error::LoginError;
pub(super) use error::may;
pub(in crate::registry) use session::{Authorization, Refusal, Session};
pub use stored::Stored;
pub(in crate::registry) use token::length as token_length;

use crate::http::Retryable;
use crate::secret::Secret;
use async_trait::async_trait;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How to sign in to a host.
#[derive(Clone)]
pub enum Login {
    /// Not at all.
    Anonymous,
    /// By user and password.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// As docker or podman have it stored, anonymously where they have nothing.
    Stored(Stored),
    /// By a token of Entra, exchanged at the registry (Azure registries).
    Entra(Arc<dyn EntraTokens>),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic",
            Self::Stored(_) => "Stored",
            Self::Entra(_) => "Entra",
        })
    }
}

/// Who gives out tokens of Entra.
#[async_trait]
pub trait EntraTokens: Send + Sync {
    /// A token for `scope`, such as `https://containerregistry.azure.net/.default`.
    async fn token(&self, scope: &str) -> Result<Secret, Box<dyn Retryable>>;

    /// The tenant that the tokens are of, where it is known.
    fn tenant(&self) -> Option<String>;
}

/// What a host gets for one repository, once it was looked up.
#[derive(Clone)]
pub(super) enum Credentials {
    /// Nothing. The note says why, where there is something to say.
    Nothing { note: Option<String> },
    /// User and password.
    Password { user: String, password: Secret },
    /// A refresh token, as `docker login` keeps one for Azure registries.
    Identity(Secret),
    /// A token that goes to the registry as it is.
    Bearer(Secret),
    /// Entra.
    Entra(Arc<dyn EntraTokens>),
}

impl Credentials {
    /// Whether there is nothing.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing { .. })
    }
}

/// Whether a host is an Azure registry, whose ways are known beforehand.
pub fn is_azure_registry(host: &str) -> bool {
    [".azurecr.io", ".azurecr.cn", ".azurecr.us"].iter().any(|end| host.ends_with(end))
}

/// Text of a file or an answer that is a secret or may be one: not shown, and
/// wiped after use.
#[derive(Default)]
struct Hidden(Zeroizing<String>);

impl Hidden {
    /// The text, where there is some.
    fn text(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Some files say `null` where there is nothing.
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(Self(Zeroizing::new(text.unwrap_or_default())))
    }
}
