//! What exists in a new local cloud, as a dry run or a person describes it.
//!
//! What a state folder already holds is never overwritten: the initial state only
//! adds to it.

use super::faults::{FaultRule, InjectedFault};
use super::hidden::Hidden;
use super::runtime::RuntimeChoice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that exists before the first request. The JSON form is the file of
/// `shipway local --world`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InitialState {
    /// Random if empty.
    pub subscription_id: String,
    /// Random if empty.
    pub tenant_id: String,
    pub resource_groups: Vec<ResourceGroup>,
    pub registries: Vec<AzureRegistry>,
    /// All registries that are not Azure's.
    pub other_registries: Vec<OtherRegistry>,
    pub vaults: Vec<Vault>,
    /// Environments of Container Apps.
    pub app_environments: Vec<AppEnvironment>,
    /// Apps that were deployed before, of which nothing runs here.
    pub apps: Vec<EarlierApp>,
    pub github: Option<GitHubRepository>,
    pub runtime: RuntimeChoice,
    /// Whether nothing may be pulled from registries outside.
    pub offline: bool,
    pub seed_images: Vec<PreloadedImage>,
    /// Registries outside that images may be pulled from: `HOST`, or
    /// `HOST/REPOSITORY` for a single repository.
    pub allow_hosts: Vec<String>,
    pub faults: Vec<InjectedFault>,
    /// Faults as people write them.
    pub fault_rules: Vec<FaultRule>,
    /// Whether the proxy lets requests to servers of this machine through.
    pub loopback: bool,
    /// What the application may not do. Without it, it may do everything.
    pub access: Option<AccessRules>,
    /// Whether a user-assigned identity exists only once a client has made it. Else each one
    /// exists, since plans do not make those that they name.
    pub made_identities_only: bool,
    /// Those that stand for the Fulcio and the Rekor of a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigstore: Option<SigstoreHosts>,
}

/// Where Fulcio and Rekor are, and who signs: each by its host, with its port unless that is
/// 443, and the path below which it is, if it has one.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SigstoreHosts {
    pub fulcio: Vec<String>,
    pub rekor: Vec<String>,
    /// The identity of the job that signs, as its certificates have it: a URI or a mail address.
    pub identity: String,
    /// Who issues its tokens.
    #[serde(default = "github_issuer")]
    pub issuer: String,
}

fn github_issuer() -> String {
    "https://token.actions.githubusercontent.com".to_owned()
}

/// What the application of the local cloud may do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessRules {
    /// The role assignments. Without them, the application may do everything.
    pub roles: Option<Vec<RoleGrant>>,
    /// Resource providers that are not registered, such as `Microsoft.ContainerInstance`.
    pub unregistered_providers: Vec<String>,
    /// DNS labels that others hold, as `label.region`.
    pub taken_labels: Vec<String>,
    /// How many container groups a region may have; Azure's 100 unless it is given.
    pub container_group_quota: Option<usize>,
}

/// A built-in role at a scope.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleGrant {
    /// Such as `AcrPush`.
    pub role: String,
    /// The part of the scope after the subscription, empty for the subscription itself.
    #[serde(default)]
    pub scope: String,
    /// The user-assigned identity that has it, by its id after the subscription. Empty
    /// for the application.
    #[serde(default)]
    pub identity: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResourceGroup {
    pub name: String,
    /// Such as `westeurope`.
    pub location: String,
}

/// An environment of Container Apps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AppEnvironment {
    pub name: String,
    pub resource_group: String,
    /// Such as `westeurope`.
    pub location: String,
}

/// An app that was deployed before, as a preview expects it that is a revision of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EarlierApp {
    pub name: String,
    pub resource_group: String,
    /// The name of its environment.
    pub environment: String,
    /// The resource group of that.
    pub environment_group: String,
    pub target_port: u16,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AzureRegistry {
    /// The login server, such as `storefront.azurecr.io`.
    pub host: String,
    /// The resource name, such as `storefront`.
    pub name: String,
    pub resource_group: String,
    /// The location of the resource group if empty.
    #[serde(default)]
    pub location: String,
    /// `Basic`, `Standard` or `Premium`.
    #[serde(default = "standard")]
    pub sku: String,
    #[serde(default)]
    pub admin_user: bool,
    /// Whether pulling needs no login.
    #[serde(default)]
    pub anonymous_pull: bool,
    /// Users beside the admin user, such as scope tokens.
    #[serde(default)]
    pub users: Vec<RegistryUser>,
}

fn standard() -> String {
    "Standard".to_owned()
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistryUser {
    pub username: String,
    pub password: Hidden,
}

/// A registry that is not Azure's.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OtherRegistry {
    /// The host, with its port unless that is 443: `ghcr.io`, `127.0.0.1:5000`.
    pub host: String,
    #[serde(default)]
    pub users: Vec<RegistryUser>,
    /// What clients without a login may do. Unless it is set, everything where there
    /// are no users, else nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<AnonymousAccess>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnonymousAccess {
    None,
    /// As Docker Hub and other public registries have it. A client is asked to sign
    /// in, and gets a token without a login.
    Pull,
    All,
}

impl OtherRegistry {
    pub fn anonymous_access(&self) -> AnonymousAccess {
        self.anonymous.unwrap_or(if self.users.is_empty() {
            AnonymousAccess::All
        } else {
            AnonymousAccess::None
        })
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vault {
    /// Such as `storefront.vault.azure.net`.
    pub host: String,
    #[serde(default)]
    pub secrets: BTreeMap<String, VaultSecret>,
}

/// A secret of a vault: a single value, or all versions, the newest last.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum VaultSecret {
    Value(Hidden),
    Versions(Vec<SecretVersion>),
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretVersion {
    /// 32 hexadecimal digits, random if empty.
    #[serde(default)]
    pub version: String,
    pub value: Hidden,
    /// Whether clients may read it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Unix time in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitHubRepository {
    /// `owner/name`.
    pub repository: String,
    /// The only accepted token, random if empty.
    #[serde(default)]
    pub token: Hidden,
    #[serde(default)]
    pub pull_request: Option<PullRequest>,
    /// Further pull requests.
    #[serde(default)]
    pub pull_requests: Vec<PullRequest>,
    /// The branches beside those of open pull requests.
    #[serde(default)]
    pub branches: Vec<String>,
    /// Roles of accounts by login: `admin`, `maintain`, `write`, `triage`, `read`, `none`.
    #[serde(default)]
    pub collaborators: BTreeMap<String, String>,
    /// What the token may not write: `pull-requests`, `deployments`, `statuses`.
    #[serde(default)]
    pub denied: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PullRequest {
    pub number: u64,
    #[serde(default)]
    pub title: String,
    pub head_sha: String,
    pub head_ref: String,
    /// `owner/name` of the fork that it comes from, empty if that was deleted.
    #[serde(default)]
    pub head_repository: Option<String>,
    pub base_ref: String,
    /// `open` or `closed`.
    #[serde(default = "open")]
    pub state: String,
    /// RFC 3339.
    #[serde(default)]
    pub closed_at: Option<String>,
    /// RFC 3339; `None` if it was not merged.
    #[serde(default)]
    pub merged_at: Option<String>,
    /// The login of the user who opened it.
    #[serde(default = "author")]
    pub author: String,
    /// Whether it stands for what is checked out here, so that its head follows that.
    #[serde(default)]
    pub simulated: bool,
}

fn open() -> String {
    "open".to_owned()
}

fn author() -> String {
    "octocat".to_owned()
}

/// An image given by `--seed-image`, which its registry holds from the start.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PreloadedImage {
    /// Such as `docker.io/library/alpine:3`.
    pub reference: String,
    /// The folder of the OCI image layout.
    pub layout: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::{InitialState, VaultSecret};

    #[test]
    fn optional_fields_have_defaults() {
        let initial: InitialState = serde_json::from_str(
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
        .expect("an initial state");

        assert_eq!(initial.registries[0].sku, "Standard");
        assert!(matches!(initial.vaults[0].secrets["plain"], VaultSecret::Value(_)));
        assert!(
            matches!(&initial.vaults[0].secrets["old"], VaultSecret::Versions(all) if all.len() == 2)
        );
        let pull_request = initial.github.expect("there").pull_request.expect("there");
        assert_eq!(
            (pull_request.state.as_str(), pull_request.author.as_str()),
            ("open", "octocat")
        );
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        let error =
            serde_json::from_str::<InitialState>(r#"{"registrys": []}"#).expect_err("misspelt");

        assert!(error.to_string().starts_with("unknown field `registrys`"), "{error}");
    }
}
