//! Which registries there are and who may use them, kept in `registries.json`.

use super::upstream;
use crate::local::files::{FileError, read_json, write_json};
use crate::local::hidden::Hidden;
use crate::local::identity::random_hex;
use crate::local::initial_state::{AzureRegistry, InitialState, OtherRegistry, RegistryUser};
use crate::oci::Reference;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the names of Azure registries end in, in each cloud.
const AZURE: [&str; 3] = [".azurecr.io", ".azurecr.us", ".azurecr.cn"];

/// Whether a name is one that only an Azure registry can have.
pub fn is_azure_name(host: &str) -> bool {
    AZURE.iter().any(|suffix| host.ends_with(suffix))
}

/// The admin user of a registry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AdminUser {
    /// The name of the registry.
    pub username: String,
    /// Two, so that one can be changed while the other is in use.
    pub passwords: [Hidden; 2],
}

/// What somebody may do in a registry.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rights {
    /// Nothing.
    None,
    /// Pull.
    Pull,
    /// Everything.
    All,
}

/// An Azure registry with the passwords that were made for it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct AzureAccount {
    registry: AzureRegistry,
    admin: AdminUser,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RegistryTable {
    azure: BTreeMap<String, AzureAccount>,
    other: BTreeMap<String, OtherRegistry>,
}

/// All registries and their users.
#[derive(Debug)]
pub struct Accounts {
    path: PathBuf,
    content: Mutex<RegistryTable>,
}

impl Accounts {
    /// Reads the registries of a state folder and adds those of the world: one
    /// that is there already stays as it is.
    pub fn open(state: &Path, world: &InitialState) -> Result<Self, FileError> {
        let path = state.join("registries.json");
        let mut content: RegistryTable = read_json(&path)?.unwrap_or_default();
        for registry in &world.registries {
            let host = registry.host.to_ascii_lowercase();
            content.azure.entry(host).or_insert_with(|| AzureAccount::new(registry.clone()));
        }
        for other in &world.other_registries {
            let host = other.host.to_ascii_lowercase();
            content.other.entry(host).or_insert_with(|| other.clone());
        }
        for host in guests(world) {
            if !content.azure.contains_key(&host) {
                let guest = OtherRegistry { host: host.clone(), users: Vec::new() };
                content.other.entry(host).or_insert(guest);
            }
        }
        write_json(&path, &content)?;
        Ok(Self { path, content: Mutex::new(content) })
    }

    /// All Azure registries, by host.
    pub fn list(&self) -> Vec<AzureRegistry> {
        self.lock().azure.values().map(|account| account.registry.clone()).collect()
    }

    /// Creates an Azure registry, or changes it, keeping its passwords.
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

    /// Removes an Azure registry and says whether it was there. What it held
    /// goes with [`super::Storage::remove`].
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

    /// Makes a new password for the admin user: the first or the second.
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

    /// Whether there is a registry of that host, of whatever kind.
    pub fn exists(&self, host: &str) -> bool {
        self.is_azure(host) || self.is_other(host)
    }

    /// Whether the host is an Azure registry, which hands out tokens.
    pub fn is_azure(&self, host: &str) -> bool {
        self.lock().azure.contains_key(&host.to_ascii_lowercase())
    }

    /// Whether the host is another registry of the plan.
    pub fn is_other(&self, host: &str) -> bool {
        self.lock().other.contains_key(&host.to_ascii_lowercase())
    }

    /// Every host, Azure's first.
    pub fn hosts(&self) -> Vec<String> {
        let content = self.lock();
        content.azure.keys().chain(content.other.keys()).cloned().collect()
    }

    /// What anybody may do without a login.
    pub fn anonymous(&self, host: &str) -> Rights {
        let content = self.lock();
        let host = host.to_ascii_lowercase();
        match (content.azure.get(&host), content.other.get(&host)) {
            (Some(account), _) if account.registry.anonymous_pull => Rights::Pull,
            (None, Some(other)) if other.users.is_empty() => Rights::All,
            _ => Rights::None,
        }
    }

    /// What a user may do with this password.
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
            (None, Some(other)) => other.users.is_empty() || other.users.iter().any(is_user),
            (None, None) => false,
        };
        if good { Rights::All } else { Rights::None }
    }

    /// Whether the credentials that Container Instances was given let it pull:
    /// none at all where `username` is empty.
    pub fn may_pull(&self, host: &str, username: &str, password: &str) -> bool {
        let rights = match username {
            "" => self.anonymous(host),
            username => self.login(host, username, password),
        };
        rights >= Rights::Pull
    }

    fn lock(&self) -> MutexGuard<'_, RegistryTable> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hosts that are there only for the images that they hold: anybody may pull
/// these. Azure's own are described by whoever describes the world, because
/// they belong to a resource group.
fn guests(world: &InitialState) -> Vec<String> {
    let seeds = world.seed_images.iter().filter_map(|seed| {
        let reference: Reference = seed.reference.parse().ok()?;
        Some(reference.host)
    });
    seeds.chain(upstream::hosts(world)).filter(|host| !is_azure_name(host)).collect()
}

impl AzureAccount {
    fn new(registry: AzureRegistry) -> Self {
        let passwords = [(); 2].map(|()| Hidden::new(random_hex(26)));
        Self { admin: AdminUser { username: registry.name.clone(), passwords }, registry }
    }
}

impl AdminUser {
    fn takes(&self, username: &str, password: &str) -> bool {
        self.username == username && self.passwords.iter().any(|one| one.expose() == password)
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, Rights};
    use crate::local::initial_state::InitialState;

    fn world() -> InitialState {
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
        .expect("a world")
    }

    #[test]
    fn who_may_do_what() {
        let state = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open(state.path(), &world()).expect("made");
        let admin = accounts.admin("a.azurecr.io").expect("enabled");
        let password = admin.passwords[1].expose();

        assert_eq!(accounts.login("A.azurecr.io", "a", password), Rights::All);
        assert_eq!(accounts.login("a.azurecr.io", "a", "wrong"), Rights::None);
        assert_eq!(accounts.login("a.azurecr.io", "ci", "wordpass"), Rights::All);
        assert_eq!(accounts.anonymous("a.azurecr.io"), Rights::None);
        assert_eq!(accounts.anonymous("b.azurecr.io"), Rights::Pull);
        assert_eq!(accounts.admin("b.azurecr.io"), None);
        assert_eq!(accounts.anonymous("127.0.0.1:5000"), Rights::All);
        assert!(!accounts.may_pull("127.0.0.1:5001", "", ""));
        assert!(accounts.may_pull("127.0.0.1:5001", "u", "pass"));
        assert!(!accounts.may_pull("c.azurecr.io", "", ""));
    }

    #[test]
    fn passwords_survive_a_restart_and_a_change() {
        let state = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open(state.path(), &world()).expect("made");
        let before = accounts.admin("a.azurecr.io");
        let mut registry = accounts.list().remove(0);
        registry.sku = "Premium".into();
        accounts.put(registry).expect("changed");

        let again = Accounts::open(state.path(), &world()).expect("opened again");

        assert_eq!(again.list()[0].sku, "Premium");
        assert_eq!(again.admin("a.azurecr.io"), before);
        assert!(again.remove("a.azurecr.io").expect("removed"));
        assert!(!again.exists("a.azurecr.io"));
    }
}
