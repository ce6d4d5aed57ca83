//! The registries and their users, kept in `registries.json`.

use super::login::Grant;
use super::scope_tokens::ScopeTokens;
use super::upstream;
use crate::local::files::{FileError, read_json, write_json};
use crate::local::hidden::Hidden;
use crate::local::identity::random_hex;
use crate::local::initial_state::{
    AnonymousAccess, AzureRegistry, InitialState, OtherRegistry, RegistryUser,
};
use crate::oci::Reference;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The domains of Azure's registries in each cloud.
const AZURE_DOMAINS: [&str; 3] = [".azurecr.io", ".azurecr.us", ".azurecr.cn"];

pub fn is_azure_name(host: &str) -> bool {
    AZURE_DOMAINS.iter().any(|suffix| host.ends_with(suffix))
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AdminUser {
    /// Equal to the name of the registry.
    pub username: String,
    /// Two, so that one can be renewed while the other is in use.
    pub passwords: [Hidden; 2],
}

/// An image that a service pulls.
#[derive(Clone, Copy, Debug)]
pub struct PulledImage<'a> {
    pub host: &'a str,
    pub repository: &'a str,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rights {
    None,
    Pull,
    All,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AzureAccount {
    registry: AzureRegistry,
    admin: AdminUser,
    #[serde(default)]
    pub(super) scope_tokens: ScopeTokens,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RegistryTable {
    pub(super) azure: BTreeMap<String, AzureAccount>,
    other: BTreeMap<String, OtherRegistry>,
}

#[derive(Debug)]
pub struct Accounts {
    pub(super) path: PathBuf,
    content: Mutex<RegistryTable>,
}

impl Accounts {
    /// Reads the registries of a state folder and adds those of the initial state. A
    /// registry that exists already is not changed.
    pub fn open(state: &Path, initial: &InitialState) -> Result<Self, FileError> {
        let path = state.join("registries.json");
        let mut content: RegistryTable = read_json(&path)?.unwrap_or_default();
        for registry in &initial.registries {
            let host = registry.host.to_ascii_lowercase();
            content.azure.entry(host).or_insert_with(|| AzureAccount::new(registry.clone()));
        }
        for other in &initial.other_registries {
            let host = other.host.to_ascii_lowercase();
            content.other.entry(host).or_insert_with(|| other.clone());
        }
        for host in anonymous_hosts(initial) {
            if !content.azure.contains_key(&host) {
                let open = OtherRegistry { host: host.clone(), users: Vec::new(), anonymous: None };
                content.other.entry(host).or_insert(open);
            }
        }
        write_json(&path, &content)?;
        Ok(Self { path, content: Mutex::new(content) })
    }

    /// All Azure registries, in order of their hosts.
    pub fn list(&self) -> Vec<AzureRegistry> {
        self.lock().azure.values().map(|account| account.registry.clone()).collect()
    }

    /// Creates an Azure registry, or updates it and keeps its passwords.
    pub fn put(&self, registry: AzureRegistry) -> Result<(), FileError> {
        let mut content = self.lock();
        let host = registry.host.to_ascii_lowercase();
        match content.azure.get_mut(&host) {
            Some(account) => account.registry = registry,
            None => {
                content.azure.insert(host, AzureAccount::new(registry));
            }
        }
        write_json(&self.path, &*content)
    }

    /// Removes an Azure registry and returns whether it existed. Its content is
    /// removed by [`super::storage::Storage::remove`].
    pub fn remove(&self, host: &str) -> Result<bool, FileError> {
        let mut content = self.lock();
        let removed = content.azure.remove(&host.to_ascii_lowercase());
        write_json(&self.path, &*content)?;
        Ok(removed.is_some())
    }

    /// The admin user of an Azure registry, if it is enabled.
    pub fn admin(&self, host: &str) -> Option<AdminUser> {
        let content = self.lock();
        let account = content.azure.get(&host.to_ascii_lowercase())?;
        account.registry.admin_user.then(|| account.admin.clone())
    }

    /// Renews the first or second password of the admin user.
    pub fn renew(&self, host: &str, which: usize) -> Result<Option<AdminUser>, FileError> {
        let mut content = self.lock();
        let Some(account) = content.azure.get_mut(&host.to_ascii_lowercase()) else {
            return Ok(None);
        };
        account.admin.passwords[which.min(1)] = Hidden::new(random_hex(26));
        let admin = account.admin.clone();
        write_json(&self.path, &*content)?;
        Ok(Some(admin))
    }

    pub fn exists(&self, host: &str) -> bool {
        self.is_azure(host) || self.is_other(host)
    }

    pub fn is_azure(&self, host: &str) -> bool {
        self.lock().azure.contains_key(&host.to_ascii_lowercase())
    }

    pub fn is_other(&self, host: &str) -> bool {
        self.lock().other.contains_key(&host.to_ascii_lowercase())
    }

    /// All hosts, those of Azure first.
    pub fn hosts(&self) -> Vec<String> {
        let content = self.lock();
        content.azure.keys().chain(content.other.keys()).cloned().collect()
    }

    pub fn anonymous(&self, host: &str) -> Rights {
        let content = self.lock();
        let host = host.to_ascii_lowercase();
        match (content.azure.get(&host), content.other.get(&host)) {
            (Some(account), _) if account.registry.anonymous_pull => Rights::Pull,
            (None, Some(other)) => match other.anonymous_access() {
                AnonymousAccess::None => Rights::None,
                AnonymousAccess::Pull => Rights::Pull,
                AnonymousAccess::All => Rights::All,
            },
            (Some(_) | None, None) | (Some(_), Some(_)) => Rights::None,
        }
    }

    /// Whether the registry issues tokens: Azure's, and those that are public.
    pub fn issues_tokens(&self, host: &str) -> bool {
        self.is_azure(host) || self.anonymous(host) == Rights::Pull
    }

    pub fn login(&self, host: &str, username: &str, password: &str) -> Rights {
        let content = self.lock();
        let host = host.to_ascii_lowercase();
        let is_user =
            |user: &RegistryUser| user.username == username && user.password.expose() == password;
        let good = match (content.azure.get(&host), content.other.get(&host)) {
            (Some(account), _) => {
                account.registry.users.iter().any(is_user)
                    || account.registry.admin_user && account.admin.takes(username, password)
            }
            (None, Some(other)) => {
                other.anonymous_access() == AnonymousAccess::All || other.users.iter().any(is_user)
            }
            (None, None) => false,
        };
        if good { Rights::All } else { Rights::None }
    }

    /// Whether Container Instances may pull with these credentials. An empty
    /// `username` means without any.
    pub fn may_pull(&self, image: &PulledImage<'_>, username: &str, password: &str) -> bool {
        let PulledImage { host, repository } = *image;
        let rights = match username {
            "" => self.anonymous(host),
            username => self.login(host, username, password),
        };
        let granted = |grants: Vec<Grant>| {
            grants.iter().any(|grant| grant.allows("repository", repository, "pull"))
        };
        rights >= Rights::Pull || self.token_grants(host, username, password).is_some_and(granted)
    }

    pub(super) fn read_azure<T>(
        &self,
        host: &str,
        read: impl FnOnce(&AzureAccount) -> T,
    ) -> Option<T> {
        self.lock().azure.get(&host.to_ascii_lowercase()).map(read)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RegistryTable> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hosts of preloaded images and of allowed registries outside, which become
/// registries without users. Azure's are not added, because they need a resource
/// group and are described by the initial state.
fn anonymous_hosts(initial: &InitialState) -> Vec<String> {
    let preloaded = initial.seed_images.iter().filter_map(|image| {
        let reference: Reference = image.reference.parse().ok()?;
        Some(reference.host)
    });
    preloaded.chain(upstream::hosts(initial)).filter(|host| !is_azure_name(host)).collect()
}

impl AzureAccount {
    fn new(registry: AzureRegistry) -> Self {
        let passwords = [(); 2].map(|()| Hidden::new(random_hex(26)));
        let admin = AdminUser { username: registry.name.clone(), passwords };
        Self { registry, admin, scope_tokens: ScopeTokens::default() }
    }
}

impl AdminUser {
    fn takes(&self, username: &str, password: &str) -> bool {
        self.username == username && self.passwords.iter().any(|one| one.expose() == password)
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, PulledImage, Rights};
    use crate::local::initial_state::InitialState;

    fn initial() -> InitialState {
        serde_json::from_str(
            r#"{
                "registries": [
                    {"host": "a.azurecr.io", "name": "a", "resource-group": "g", "admin-user": true,
                     "users": [{"username": "ci", "password": "wordpass"}]},
                    {"host": "b.azurecr.io", "name": "b", "resource-group": "g", "anonymous-pull": true}
                ],
                "other-registries": [
                    {"host": "127.0.0.1:5000"},
                    {"host": "127.0.0.1:5001", "users": [{"username": "u", "password": "pass"}]}
                ]
            }"#,
        )
        .expect("an initial state")
    }

    #[test]
    fn logins_have_rights() {
        let state = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open(state.path(), &initial()).expect("made");
        let admin = accounts.admin("a.azurecr.io").expect("enabled");
        let password = admin.passwords[1].expose();

        assert_eq!(accounts.login("A.azurecr.io", "a", password), Rights::All);
        assert_eq!(accounts.login("a.azurecr.io", "a", "wrong"), Rights::None);
        assert_eq!(accounts.login("a.azurecr.io", "ci", "wordpass"), Rights::All);
        assert_eq!(accounts.anonymous("a.azurecr.io"), Rights::None);
        assert_eq!(accounts.anonymous("b.azurecr.io"), Rights::Pull);
        assert_eq!(accounts.admin("b.azurecr.io"), None);
        assert_eq!(accounts.anonymous("127.0.0.1:5000"), Rights::All);
        let of = |host| PulledImage { host, repository: "web" };
        assert!(!accounts.may_pull(&of("127.0.0.1:5001"), "", ""));
        assert!(accounts.may_pull(&of("127.0.0.1:5001"), "u", "pass"));
        assert!(!accounts.may_pull(&of("c.azurecr.io"), "", ""));
    }

    #[test]
    fn passwords_survive_a_restart_and_an_update() {
        let state = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open(state.path(), &initial()).expect("made");
        let before = accounts.admin("a.azurecr.io");
        let mut registry = accounts.list().remove(0);
        registry.sku = "Premium".into();
        accounts.put(registry).expect("changed");

        let again = Accounts::open(state.path(), &initial()).expect("opened again");

        assert_eq!(again.list()[0].sku, "Premium");
        assert_eq!(again.admin("a.azurecr.io"), before);
        assert!(again.remove("a.azurecr.io").expect("removed"));
        assert!(!again.exists("a.azurecr.io"));
    }
}
