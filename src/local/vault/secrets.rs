//! The secrets of all vaults with their versions, kept in `vault.json`.

use crate::local::files::{FileError, read_json, write_json};
use crate::local::hidden::Hidden;
use crate::local::identity::random_hex;
use crate::local::initial_state::{InitialState, VaultSecret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By vault host, then secret name: the versions, newest last.
type StoredVaults = BTreeMap<String, BTreeMap<String, Vec<StoredSecret>>>;

/// One version of a secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredSecret {
    /// 32 hexadecimal digits.
    pub version: String,
    pub value: Hidden,
    /// Whether clients may read it.
    pub enabled: bool,
    /// Unix time in seconds.
    pub created: i64,
    /// The media type of the value, if the client gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl StoredSecret {
    /// A new, enabled version with a random id.
    pub fn new(value: Hidden) -> Self {
        Self {
            version: random_hex(16),
            value,
            enabled: true,
            created: jiff::Timestamp::now().as_second(),
            content_type: None,
            tags: BTreeMap::new(),
        }
    }
}

/// The vaults of the local cloud. Every change is written to disk before it is
/// visible.
#[derive(Debug)]
pub struct Vaults {
    path: PathBuf,
    content: Mutex<StoredVaults>,
}

impl Vaults {
    /// Reads the vaults of a state folder, adds those of the initial state and writes
    /// the result. A secret that exists already is not changed.
    pub fn open(state_folder: &Path, initial: &InitialState) -> Result<Self, FileError> {
        let path = state_folder.join("vault.json");
        let mut content: StoredVaults = read_json(&path)?.unwrap_or_default();
        for vault in &initial.vaults {
            let secrets = content.entry(vault.host.to_ascii_lowercase()).or_default();
            for (name, secret) in &vault.secrets {
                secrets
                    .entry(name.to_ascii_lowercase())
                    .or_insert_with(|| initial_versions(secret));
            }
        }
        write_json(&path, &content)?;
        Ok(Self { path, content: Mutex::new(content) })
    }

    /// The hosts of all vaults, in order.
    pub fn hosts(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub fn exists(&self, host: &str) -> bool {
        self.lock().contains_key(&host.to_ascii_lowercase())
    }

    /// Adds a vault without secrets, unless it is there.
    pub fn create(&self, host: &str) -> Result<(), FileError> {
        self.change(|content| {
            content.entry(host.to_ascii_lowercase()).or_default();
        })
    }

    /// Removes a vault with its secrets.
    pub fn remove(&self, host: &str) -> Result<(), FileError> {
        self.change(|content| drop(content.remove(&host.to_ascii_lowercase())))
    }

    fn change(&self, change: impl FnOnce(&mut StoredVaults)) -> Result<(), FileError> {
        let mut content = self.lock();
        let mut changed = content.clone();
        change(&mut changed);
        write_json(&self.path, &changed)?;
        *content = changed;
        Ok(())
    }

    /// The given version of a secret, or its newest. Key Vault ignores the case of
    /// names.
    pub fn get(&self, host: &str, name: &str, version: Option<&str>) -> Option<StoredSecret> {
        let content = self.lock();
        let versions = content.get(&host.to_ascii_lowercase())?.get(&name.to_ascii_lowercase())?;
        match version {
            None => versions.last().cloned(),
            Some(version) => versions.iter().find(|one| one.version == version).cloned(),
        }
    }

    /// The versions of a secret, oldest first.
    pub fn versions(&self, host: &str, name: &str) -> Vec<StoredSecret> {
        let content = self.lock();
        let secrets = content.get(&host.to_ascii_lowercase());
        secrets.and_then(|all| all.get(&name.to_ascii_lowercase())).cloned().unwrap_or_default()
    }

    /// The names of the secrets of a vault, in lower case.
    pub fn names(&self, host: &str) -> Vec<String> {
        let content = self.lock();
        content
            .get(&host.to_ascii_lowercase())
            .into_iter()
            .flat_map(BTreeMap::keys)
            .cloned()
            .collect()
    }

    /// Adds a version, which becomes the newest.
    pub fn set(&self, host: &str, name: &str, version: StoredSecret) -> Result<(), FileError> {
        self.change(|content| {
            let secrets = content.entry(host.to_ascii_lowercase()).or_default();
            secrets.entry(name.to_ascii_lowercase()).or_default().push(version);
        })
    }

    /// Removes a secret and returns its newest version. The name is free at once:
    /// soft delete is not simulated.
    pub fn delete(&self, host: &str, name: &str) -> Result<Option<StoredSecret>, FileError> {
        let mut content = self.lock();
        let mut changed = content.clone();
        let secrets = changed.get_mut(&host.to_ascii_lowercase());
        let Some(mut versions) = secrets.and_then(|all| all.remove(&name.to_ascii_lowercase()))
        else {
            return Ok(None);
        };
        write_json(&self.path, &changed)?;
        *content = changed;
        Ok(versions.pop())
    }

    fn lock(&self) -> MutexGuard<'_, StoredVaults> {
        // After a panic elsewhere the content is still that of the file.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn initial_versions(secret: &VaultSecret) -> Vec<StoredSecret> {
    match secret {
        VaultSecret::Value(value) => vec![StoredSecret::new(value.clone())],
        VaultSecret::Versions(versions) => versions
            .iter()
            .map(|given| {
                let mut found = StoredSecret::new(given.value.clone());
                found.enabled = given.enabled;
                if !given.version.is_empty() {
                    found.version.clone_from(&given.version);
                }
                found
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{StoredSecret, Vaults};
    use crate::local::hidden::Hidden;
    use crate::local::initial_state::InitialState;

    #[test]
    fn the_newest_version_is_read_after_a_restart() {
        let state = tempfile::tempdir().expect("a folder");
        let initial: InitialState = serde_json::from_str(
            r#"{"vaults": [{"host": "V.vault.azure.net", "secrets": {"Key": "first"}}]}"#,
        )
        .expect("an initial state");
        let vaults = Vaults::open(state.path(), &initial).expect("made");
        let first = vaults.get("v.vault.azure.net", "key", None).expect("there");
        vaults
            .set("v.vault.azure.net", "KEY", StoredSecret::new(Hidden::new("second")))
            .expect("set");

        let again = Vaults::open(state.path(), &initial).expect("opened again");

        let value = |version| {
            let found = again.get("v.vault.azure.net", "key", version).expect("there");
            found.value.expose().to_owned()
        };
        assert_eq!(value(None), "second");
        assert_eq!(value(Some(&first.version)), "first");
        assert!(again.exists("v.vault.azure.net") && !again.exists("w.vault.azure.net"));
        assert_eq!(again.names("v.vault.azure.net"), ["key"]);
    }
}
