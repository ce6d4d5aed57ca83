//! The resources of Resource Manager, kept in `resources.json`. Bodies are stored
//! with their secrets, so the file is private.

use crate::local::files::{FileError, read_json, write_json};
use crate::local::initial_state::InitialState;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ResourceGroup {
    pub(super) name: String,
    pub(super) location: String,
    #[serde(default)]
    pub(super) tags: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ContainerGroup {
    /// The resource id as it was spelled when the group was created.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) resource_group: String,
    /// The body of the last PUT, secrets included.
    pub(super) body: Value,
    /// Does not change while the group exists.
    pub(super) ip: String,
    pub(super) fqdn: Option<String>,
    /// Whether a client stopped it.
    #[serde(default)]
    pub(super) stopped: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Operation {
    pub(super) resource: String,
    pub(super) start: String,
    /// How often a client polled it.
    #[serde(skip)]
    pub(super) asked: u32,
}

/// What Resource Manager stores of a registry. The rest is in its accounts.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RegistryNotes {
    pub(super) created: String,
    #[serde(default)]
    pub(super) tags: Map<String, Value>,
}

/// All keys are ids or names in lower case.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Resources {
    pub(super) resource_groups: BTreeMap<String, ResourceGroup>,
    pub(super) container_groups: BTreeMap<String, ContainerGroup>,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) registries: BTreeMap<String, RegistryNotes>,
}

#[derive(Debug)]
pub struct ResourceStore {
    path: PathBuf,
    content: Mutex<Resources>,
}

impl ResourceStore {
    /// Reads the file and adds the resource groups of the initial state.
    pub fn open(folder: &Path, initial: &InitialState) -> Result<Self, FileError> {
        let path = folder.join("resources.json");
        let mut content: Resources = read_json(&path)?.unwrap_or_default();
        for group in &initial.resource_groups {
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

    pub(super) fn read(&self) -> MutexGuard<'_, Resources> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change and writes the file before returning.
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
