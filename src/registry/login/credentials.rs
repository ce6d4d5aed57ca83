//! The credentials that a host gets, and text that may hold a secret.

use crate::http::Retryable;
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Issues Entra tokens. A trait, so that this client need not know Azure's.
#[async_trait]
pub trait EntraTokens: Send + Sync {
    /// A token for `scope`, such as `https://containerregistry.azure.net/.default`.
    async fn token(&self, scope: &str) -> Result<Secret, Box<dyn Retryable>>;

    /// The tenant that issues the tokens, where it is known.
    fn tenant(&self) -> Option<String>;
}

/// The credentials for one repository of a host.
#[derive(Clone)]
pub enum Credentials {
    /// No credentials. The note says why, where that is of use.
    Nothing {
        note: Option<String>,
    },
    Password {
        user: String,
        password: Secret,
    },
    /// A refresh token, as `docker login` stores one for Azure registries.
    Identity(Secret),
    /// A token that is sent to the registry as it is.
    Bearer(Secret),
    Entra(Arc<dyn EntraTokens>),
}

impl Credentials {
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing { .. })
    }

    /// User and password as the value of an `Authorization` header (RFC 7617).
    pub fn basic_header(&self, redactor: &Redactor) -> Option<Secret> {
        let Self::Password { user, password } = self else { return None };
        let joined = Zeroizing::new(format!("{user}:{}", password.expose()));
        let encoded = format!("Basic {}", STANDARD.encode(joined.as_bytes()));
        Some(redactor.adopt(password.source(), encoded))
    }
}

/// Text of a file or a response that is or may be a secret: never shown, and wiped
/// after use.
#[derive(Default)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// The text, if it is not empty.
    pub fn text(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Some files hold `null` where there is no value.
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(Self(Zeroizing::new(text.unwrap_or_default())))
    }
}
