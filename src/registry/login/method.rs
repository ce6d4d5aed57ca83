//! How the plan, or the machine, says to sign in to a host.

use super::credentials::EntraTokens;
use super::stored::StoredLogins;
use crate::secret::Secret;
use std::fmt;
use std::sync::Arc;

/// How to sign in to a host.
#[derive(Clone)]
pub enum Login {
    Anonymous,
    Basic {
        username: String,
        password: Secret,
    },
    /// As docker or podman have stored it, anonymously where they have nothing.
    Stored(StoredLogins),
    /// With an Entra token that is exchanged at the registry (Azure registries).
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
