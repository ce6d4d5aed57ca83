//! What stands around the steps: Azure, registries, secrets, environments.

use super::text::{Condition, Field, Map, Text};
use crate::plan::span::{Span, Spanned};
use std::time::Duration;

/// Where in Azure things are deployed.
#[derive(Clone, Debug)]
pub struct Azure {
    /// Its id. Where absent: `AZURE_SUBSCRIPTION_ID`, else the only one there is.
    pub subscription: Option<Text>,
    /// Its name; it must be there.
    pub resource_group: Option<Text>,
    /// A region, such as `westeurope`. Where absent: the resource group's.
    pub location: Option<Text>,
    /// Which of Microsoft's clouds. Public where absent.
    pub cloud: Field<Cloud>,
    /// The whole of it.
    pub span: Span,
}

/// One of Microsoft's clouds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cloud {
    /// `public`
    Public,
    /// `usgov`
    UsGovernment,
    /// `china`
    China,
}

/// How one registry is signed in to, pulled from and created.
#[derive(Clone, Debug)]
pub struct Registry {
    /// How Shipway pushes. Where absent: Entra for an Azure registry, else the
    /// stored docker or podman login, else anonymous.
    pub login: Option<Login>,
    /// How the deployed service pulls.
    pub pull: Option<Pull>,
    /// Create it when it is not there.
    pub create: Option<Create>,
    /// It may speak plain HTTP though it is not on loopback.
    pub insecure: Field<bool>,
    /// The whole of it.
    pub span: Span,
}

/// How Shipway signs in to a registry.
#[derive(Clone, Debug)]
pub enum Login {
    /// By the Azure credential, exchanged at the registry.
    Entra,
    /// As the registry's admin user, read from Resource Manager.
    Admin,
    /// By what `docker login` or `podman login` stored.
    DockerConfig,
    /// Not at all.
    Anonymous,
    /// As this user.
    User {
        /// Its name.
        username: Text,
        /// Its password.
        password: Text,
    },
}

/// How the deployed service pulls.
#[derive(Clone, Debug)]
pub enum Pull {
    /// By a user-assigned identity: its name in the resource group, or its id.
    Identity(Text),
    /// As this user.
    User {
        /// Its name.
        username: Text,
        /// Its password.
        password: Text,
    },
}

/// A registry to be created when it is not there.
#[derive(Clone, Debug)]
pub struct Create {
    /// `Basic`, `Standard` or `Premium`.
    pub sku: Text,
    /// Whether it has an admin user.
    pub admin_user: Field<bool>,
}

/// Where a secret comes from: the first source that has it.
#[derive(Clone, Debug)]
pub struct SecretDeclaration {
    /// At least one.
    pub sources: Vec<Spanned<SecretSource>>,
}

/// One place where a secret may be.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// A variable of the environment.
    Env(Text),
    /// A secret in Azure Key Vault.
    KeyVault(KeyVaultReference),
}

/// The ways to name a secret in a vault.
#[derive(Clone, Debug)]
pub enum KeyVaultReference {
    /// `https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`
    Url(Text),
    /// By the vault's name.
    Named {
        /// The vault's name.
        vault: Text,
        /// The secret's name.
        name: Text,
        /// Its version; the newest where absent.
        version: Option<Text>,
    },
    /// As Batch AI and its kin refer to one. Vault and URL are checked against
    /// each other.
    Referenced {
        /// The vault's resource id.
        vault_id: Text,
        /// The secret's URL.
        secret_url: Text,
    },
}

/// One environment, such as `preview`.
#[derive(Clone, Debug)]
pub struct Environment {
    /// When it is chosen; one without is chosen by `--env` alone.
    pub condition: Option<Condition>,
    /// Never chosen by untrusted events, and only with a clean tree.
    pub protected: Field<bool>,
    /// Over the plan's.
    pub vars: Map<Text>,
    /// How long what it deploys may live.
    pub ttl: Option<Field<Duration>>,
    /// The whole of it.
    pub span: Span,
}

/// Where the result is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Report {
    /// The sticky comment on the pull request.
    Comment,
    /// A GitHub deployment.
    Deployment,
    /// A commit status.
    Status,
    /// The job summary.
    Summary,
    /// Nowhere.
    None,
}
