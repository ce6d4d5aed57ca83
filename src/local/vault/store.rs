//! The secrets of all vaults with their versions, kept in `vault.json`.

use super::secret::{DeletedSecret, StoredSecret};
use super::settings::VaultSettings;
use crate::local::files::{FileError, read_json, write_json};
use crate::local::initial_state::InitialState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct StoredVault {
    pub settings: VaultSettings,
    /// By name: the versions, newest last.
    pub secrets: BTreeMap<String, Vec<StoredSecret>>,
    pub deleted_secrets: BTreeMap<String, DeletedSecret>,
    /// Whether it was deleted and can be recovered.
    pub is_deleted: bool,
}

/// By host. Hosts and names of secrets are in lower case.
pub type StoredVaults = BTreeMap<String, StoredVault>;

/// The vaults of the local cloud. Every change is written to disk before it is
/// visible.
#[derive(Debug)]
pub struct Vaults {
    path: PathBuf,
    content: Mutex<StoredVaults>,
}

impl Vaults {
    /// Reads the vaults of a state folder, adds those of the initial state and writes
    /// the result. A secret that exists already, or was deleted, is not changed. What was
    /// deleted longer ago than its vault keeps it is purged.
    pub fn open(state_folder: &Path, initial: &InitialState) -> Result<Self, FileError> {
        let path = state_folder.join("vault.json");
        let mut content: StoredVaults = read_json(&path)?.unwrap_or_default();
        for vault in &initial.vaults {
            let stored = content.entry(vault.host.to_ascii_lowercase()).or_default();
            for (name, secret) in &vault.secrets {
                let name = name.to_ascii_lowercase();
                if !stored.deleted_secrets.contains_key(&name) {
                    let versions = stored.secrets.entry(name);
                    versions.or_insert_with(|| StoredSecret::initial(secret));
                }
            }
        }
        let now = jiff::Timestamp::now().as_second();
        for vault in content.values_mut() {
            let settings = vault.settings.clone();
            vault.deleted_secrets.retain(|_, it| now < settings.purge_time(it.deleted));
        }
        write_json(&path, &content)?;
        Ok(Self { path, content: Mutex::new(content) })
    }

    /// The hosts of all vaults that are not deleted, in order.
    pub fn hosts(&self) -> Vec<String> {
        let content = self.lock();
        let present = content.iter().filter(|(_, vault)| !vault.is_deleted);
        present.map(|(host, _)| host.clone()).collect()
    }

    /// Whether a vault answers at the host.
    pub fn exists(&self, host: &str) -> bool {
        let content = self.lock();
        content.get(&host.to_ascii_lowercase()).is_some_and(|vault| !vault.is_deleted)
    }

    /// What holds for the requests to a vault.
    pub fn settings(&self, host: &str) -> VaultSettings {
        let content = self.lock();
        let vault = content.get(&host.to_ascii_lowercase());
        vault.map(|vault| vault.settings.clone()).unwrap_or_default()
    }

    /// Adds a vault without secrets unless it is there, and gives it these settings.
    pub fn put(&self, host: &str, settings: VaultSettings) -> Result<(), FileError> {
        self.change(|content| {
            content.entry(host.to_ascii_lowercase()).or_default().settings = settings;
        })
    }

    /// Lets a vault with its secrets disappear, from where it can be recovered.
    pub fn delete(&self, host: &str) -> Result<(), FileError> {
        self.set_deleted(host, true)
    }

    pub fn recover(&self, host: &str) -> Result<(), FileError> {
        self.set_deleted(host, false)
    }

    fn set_deleted(&self, host: &str, is_deleted: bool) -> Result<(), FileError> {
        self.change(|content| {
            if let Some(vault) = content.get_mut(&host.to_ascii_lowercase()) {
                vault.is_deleted = is_deleted;
            }
        })
    }

    /// Removes a vault with its secrets for good.
    pub fn purge(&self, host: &str) -> Result<(), FileError> {
        self.change(|content| drop(content.remove(&host.to_ascii_lowercase())))
    }

    /// The given version of a secret, or its newest. Key Vault ignores the case of
    /// names.
    pub fn get(&self, host: &str, name: &str, version: Option<&str>) -> Option<StoredSecret> {
        let mut versions = self.versions(host, name);
        match version {
            None => versions.pop(),
            Some(version) => versions.into_iter().find(|one| one.version == version),
        }
    }

    /// The versions of a secret, oldest first.
    pub fn versions(&self, host: &str, name: &str) -> Vec<StoredSecret> {
        let content = self.lock();
        let vault = content.get(&host.to_ascii_lowercase()).filter(|vault| !vault.is_deleted);
        let versions = vault.and_then(|vault| vault.secrets.get(&name.to_ascii_lowercase()));
        versions.cloned().unwrap_or_default()
    }

    /// The names of the secrets of a vault, in lower case.
    pub fn names(&self, host: &str) -> Vec<String> {
        let content = self.lock();
        let vault = content.get(&host.to_ascii_lowercase());
        vault.into_iter().flat_map(|vault| vault.secrets.keys()).cloned().collect()
    }

    /// Adds a version of a secret for Resource Manager, which needs no permission for secrets.
    /// `None` where one of this name is deleted and can be recovered.
    pub fn add(
        &self,
        host: &str,
        name: &str,
        secret: StoredSecret,
    ) -> Result<Option<()>, FileError> {
        self.change_vault(host, |vault| {
            let key = name.to_ascii_lowercase();
            if vault.deleted_secrets.contains_key(&key) {
                return Ok(None);
            }
            vault.secrets.entry(key).or_default().push(secret);
            Ok(Some(()))
        })
    }

    /// The secrets of a vault that were deleted and can be recovered.
    pub fn deleted(&self, host: &str) -> BTreeMap<String, DeletedSecret> {
        let content = self.lock();
        let vault = content.get(&host.to_ascii_lowercase());
        vault.map(|vault| vault.deleted_secrets.clone()).unwrap_or_default()
    }

    /// Changes one vault by what `change` does. It is not written where `change` fails.
    pub fn change_vault<T, E: From<FileError>>(
        &self,
        host: &str,
        change: impl FnOnce(&mut StoredVault) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut content = self.lock();
        let mut changed = content.clone();
        let done = change(changed.entry(host.to_ascii_lowercase()).or_default())?;
        write_json(&self.path, &changed)?;
        *content = changed;
        Ok(done)
    }

    fn change(&self, change: impl FnOnce(&mut StoredVaults)) -> Result<(), FileError> {
        let mut content = self.lock();
        let mut changed = content.clone();
        change(&mut changed);
        write_json(&self.path, &changed)?;
        *content = changed;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, StoredVaults> {
        // After a panic elsewhere the content is still that of the file.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::secret::StoredSecret;
    use super::Vaults;
    use crate::local::files::FileError;
    use crate::local::hidden::Hidden;
    use crate::local::initial_state::InitialState;

    const HOST: &str = "v.vault.azure.net";

    fn initial() -> InitialState {
        serde_json::from_str(
            r#"{"vaults": [{"host": "V.vault.azure.net", "secrets": {"Key": "first"}}]}"#,
        )
        .expect("an initial state")
    }

    #[test]
    fn the_newest_version_is_read_after_a_restart() {
        let state = tempfile::tempdir().expect("a folder");
        let vaults = Vaults::open(state.path(), &initial()).expect("made");
        let first = vaults.get(HOST, "key", None).expect("there");
        let second = StoredSecret::new(Hidden::new("second"));
        let added = vaults.change_vault(HOST, |vault| {
            vault.secrets.entry("key".into()).or_default().push(second);
            Ok::<_, FileError>(())
        });
        added.expect("set");

        let again = Vaults::open(state.path(), &initial()).expect("opened again");

        let value = |version| {
            let found = again.get(HOST, "KEY", version).expect("there");
            found.value.expose().to_owned()
        };
        assert_eq!(value(None), "second");
        assert_eq!(value(Some(&first.version)), "first");
        assert!(again.exists(HOST) && !again.exists("w.vault.azure.net"));
        assert_eq!(again.names(HOST), ["key"]);
    }

    #[test]
    fn deleted_vault_is_recovered_with_its_secrets() {
        let state = tempfile::tempdir().expect("a folder");
        let vaults = Vaults::open(state.path(), &initial()).expect("made");

        vaults.delete(HOST).expect("deleted");
        // The initial state does not bring it back.
        let vaults = Vaults::open(state.path(), &initial()).expect("opened again");
        assert!(!vaults.exists(HOST) && vaults.get(HOST, "key", None).is_none());
        assert_eq!(vaults.hosts(), Vec::<String>::new());
        vaults.recover(HOST).expect("recovered");
        assert_eq!(vaults.get(HOST, "key", None).expect("there").value.expose(), "first");

        vaults.purge(HOST).expect("purged");
        vaults.recover(HOST).expect("nothing to recover");
        assert!(!vaults.exists(HOST));
    }
}
