//! What Resource Manager remembers, in a file that only its owner may read:
//! bodies are kept whole, with their secrets, as the service keeps them.

use crate::local::files::{FileError, read_json, write_json};
use crate::local::initial_state::InitialState;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A resource group.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ResourceGroup {
    pub(super) name: String,
    pub(super) location: String,
    #[serde(default)]
    pub(super) tags: Map<String, Value>,
}

/// A container group.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ContainerGroup {
    /// Its id as it was spelled when it was made.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) resource_group: String,
    /// As it was put, secrets and all.
    pub(super) body: Value,
    /// Its address, which it keeps.
    pub(super) ip: String,
    pub(super) fqdn: Option<String>,
    /// Stopped by request.
    #[serde(default)]
    pub(super) stopped: bool,
}

/// Something that takes a while.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Operation {
    pub(super) resource: String,
    pub(super) start: String,
    /// How often somebody has asked.
    #[serde(skip)]
    pub(super) asked: u32,
}

/// What is known of a registry beside its accounts.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RegistryNotes {
    pub(super) created: String,
    #[serde(default)]
    pub(super) tags: Map<String, Value>,
}

/// All of it. The keys are ids and names in lower case.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Resources {
    pub(super) resource_groups: BTreeMap<String, ResourceGroup>,
    pub(super) container_groups: BTreeMap<String, ContainerGroup>,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) registries: BTreeMap<String, RegistryNotes>,
}

/// The file and what is in it.
#[derive(Debug)]
pub struct ResourceStore {
    path: PathBuf,
    content: Mutex<Resources>,
}

impl ResourceStore {
    /// Reads it, and adds what the world has.
    pub fn open(folder: &Path, world: &InitialState) -> Result<Self, FileError> {
        let path = folder.join("resources.json");
        let mut content: Resources = read_json(&path)?.unwrap_or_default();
        for group in &world.resource_groups {
            let entry = content.resource_groups.entry(group.name.to_ascii_lowercase());
            entry.or_insert_with(|| ResourceGroup {
                name: group.name.clone(),
                location: group.location.clone(),
                tags: Map::new(),
            });
        }
        write_json(&path, &content)?;
        Ok(Self { path, content: Mutex::new(content) })
    }

    /// What is there now.
    pub(super) fn read(&self) -> MutexGuard<'_, Resources> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, on disk before anybody is told.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Resources) -> T,
    ) -> Result<T, FileError> {
        let mut content = self.read();
        let changed = change(&mut content);
        write_json(&self.path, &*content)?;
        Ok(changed)
    }
}
