//! What the local cloud starts with, as the dry run or a person describes it.
//!
//! What the state folder already holds wins over it: a world only adds.

use super::faults::InjectedFault;
use super::hidden::Hidden;
use super::runtime::RuntimeChoice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that is there before the first request.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InitialState {
    /// The subscription; a random one where none is given.
    pub subscription_id: String,
    /// The tenant of the local Entra; a random one where none is given.
    pub tenant_id: String,
    /// Resource groups.
    pub resource_groups: Vec<ResourceGroup>,
    /// Azure container registries.
    pub registries: Vec<AzureRegistry>,
    /// Registries that are not Azure's: on loopback, or elsewhere.
    pub other_registries: Vec<OtherRegistry>,
    /// Key vaults.
    pub vaults: Vec<Vault>,
    /// The repository at GitHub.
    pub github: Option<GitHubRepository>,
    /// What containers run in.
    pub runtime: RuntimeChoice,
    /// Whether images may be pulled from outside.
    pub offline: bool,
    /// Images that the registries hold from the start.
    pub seed_images: Vec<PreloadedImage>,
    /// Registries outside that images may be pulled from: `HOST`, or
    /// `HOST/REPOSITORY` for one repository alone.
    pub allow_hosts: Vec<String>,
    /// Answers that requests get instead of the real ones, for tests.
    pub faults: Vec<InjectedFault>,
}

/// A resource group.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResourceGroup {
    /// Its name.
    pub name: String,
    /// Where its metadata lies, such as `westeurope`.
    pub location: String,
}

/// An Azure container registry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AzureRegistry {
    /// Its login server, such as `storefront.azurecr.io`.
    pub host: String,
    /// Its resource name, such as `storefront`.
    pub name: String,
    /// The group that it is in.
    pub resource_group: String,
    /// Where it is; its group's location where this is empty.
    #[serde(default)]
    pub location: String,
    /// `Basic`, `Standard` or `Premium`.
    #[serde(default = "standard")]
    pub sku: String,
    /// Whether the admin user may log in.
    #[serde(default)]
    pub admin_user: bool,
    /// Whether anybody may pull.
    #[serde(default)]
    pub anonymous_pull: bool,
    /// Further users, such as scope tokens.
    #[serde(default)]
    pub users: Vec<RegistryUser>,
}

fn standard() -> String {
    "Standard".to_owned()
}

/// A user of a registry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistryUser {
    /// The name to log in with.
    pub username: String,
    /// The password.
    pub password: Hidden,
}

/// A registry that is not Azure's, such as one on loopback.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OtherRegistry {
    /// Host with port where it is not 443, such as `127.0.0.1:5000`.
    pub host: String,
    /// Who may use it; anybody where there are none.
    #[serde(default)]
    pub users: Vec<RegistryUser>,
}

/// A key vault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vault {
    /// Such as `storefront.vault.azure.net`.
    pub host: String,
    /// Its secrets by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, VaultSecret>,
}

/// A secret of a vault: one value, or its versions, the newest last.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum VaultSecret {
    /// One version with a random name.
    Value(Hidden),
    /// All versions.
    Versions(Vec<SecretVersion>),
}

/// One version of a secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretVersion {
    /// 32 hexadecimal digits; random where empty.
    #[serde(default)]
    pub version: String,
    /// The value.
    pub value: Hidden,
    /// Whether it may be read.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// A repository at GitHub.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitHubRepository {
    /// `owner/name`.
    pub repository: String,
    /// The token that is accepted; a random one where none is given.
    #[serde(default)]
    pub token: Hidden,
    /// The pull request that is open.
    #[serde(default)]
    pub pull_request: Option<PullRequest>,
}

/// A pull request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// The commit at its head.
    pub head_sha: String,
    /// The branch that it comes from.
    pub head_ref: String,
    /// The branch that it goes to.
    pub base_ref: String,
    /// `open` or `closed`.
    #[serde(default = "open")]
    pub state: String,
    /// Who opened it.
    #[serde(default = "author")]
    pub author: String,
}

fn open() -> String {
    "open".to_owned()
}

fn author() -> String {
    "octocat".to_owned()
}

/// An image that is there from the start.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PreloadedImage {
    /// What it is called, such as `docker.io/library/alpine:3`.
    pub reference: String,
    /// The OCI layout that holds it.
    pub layout: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::{InitialState, VaultSecret};

    #[test]
    fn a_world_is_kebab_case_json_with_sensible_gaps() {
        let world: InitialState = serde_json::from_str(
            r#"{
                "resource-groups": [{"name": "demo", "location": "westeurope"}],
                "registries": [{"host": "demo.azurecr.io", "name": "demo", "resource-group": "demo"}],
                "other-registries": [{"host": "127.0.0.1:5000"}],
                "vaults": [{"host": "v.vault.azure.net", "secrets": {
                    "plain": "one", "old": [{"value": "a"}, {"value": "b", "enabled": false}]
                }}],
                "github": {"repository": "octo/demo", "pull-request": {
                    "number": 1, "head-sha": "abc", "head-ref": "topic", "base-ref": "main"
                }},
                "runtime": "built-in"
            }"#,
        )
        .expect("a world");

        assert_eq!(world.registries[0].sku, "Standard");
        assert!(matches!(world.vaults[0].secrets["plain"], VaultSecret::Value(_)));
        assert!(
            matches!(&world.vaults[0].secrets["old"], VaultSecret::Versions(all) if all.len() == 2)
        );
        let pull_request = world.github.expect("there").pull_request.expect("there");
        assert_eq!(
            (pull_request.state.as_str(), pull_request.author.as_str()),
            ("open", "octocat")
        );
    }

    #[test]
    fn an_unknown_word_is_an_error() {
        let error =
            serde_json::from_str::<InitialState>(r#"{"registrys": []}"#).expect_err("misspelt");

        assert!(error.to_string().starts_with("unknown field `registrys`"), "{error}");
    }
}
