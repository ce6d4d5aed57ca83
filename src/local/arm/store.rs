//! The resources of Resource Manager, kept in `resources.json`. Bodies are stored
//! with their secrets, so the file is private.

use crate::local::files::{FileError, read_json, write_json};
use crate::local::initial_state::InitialState;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const FILE: &str = "resources.json";

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ResourceGroup {
    pub name: String,
    pub location: String,
    #[serde(default)]
    pub tags: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerGroup {
    /// The resource id as it was spelled when the group was created.
    pub id: String,
    pub name: String,
    pub resource_group: String,
    /// The body of the last PUT, secrets included.
    pub body: Value,
    /// Does not change while the group exists.
    pub ip: String,
    pub fqdn: Option<String>,
    /// Whether a client stopped it.
    #[serde(default)]
    pub stopped: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Operation {
    pub resource: String,
    pub start: String,
    /// How often a client polled it.
    #[serde(skip)]
    pub asked: u32,
}

/// An environment that apps run in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AppEnvironment {
    pub id: String,
    pub name: String,
    pub resource_group: String,
    pub location: String,
    /// The domain of its apps.
    pub domain: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct App {
    /// The resource id as it was spelled when the app was created.
    pub id: String,
    pub name: String,
    pub resource_group: String,
    pub location: String,
    /// The id of its environment.
    pub environment: String,
    /// The domain of that.
    pub domain: String,
    /// The body of the last PUT, secrets included.
    pub body: Value,
    /// The oldest first.
    pub revisions: Vec<AppRevision>,
    /// The revision that gets the requests.
    pub ready: Option<String>,
    /// Whether a client stopped it.
    #[serde(default)]
    pub stopped: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AppRevision {
    pub name: String,
    pub created: String,
    /// What runs.
    pub template: Value,
    pub active: bool,
    /// Whether it was seen to take connections since it was started.
    #[serde(default)]
    pub ready: bool,
}

impl App {
    /// The host name at which the revision that gets the requests is reached.
    pub fn host(&self, is_external: bool) -> String {
        let within = if is_external { "" } else { "internal." };
        format!("{}.{within}{}", self.name, self.domain)
    }

    /// The host name at which one revision is reached.
    pub fn host_of(&self, revision: &str) -> String {
        format!("{revision}.{}", self.domain)
    }

    /// The host name at which the revision with a label is reached.
    pub fn label_host(&self, label: &str) -> String {
        format!("{}---{label}.{}", self.name, self.domain)
    }

    /// The labels that its traffic gives to revisions.
    fn labels(&self) -> impl Iterator<Item = &str> {
        let traffic = &self.body["properties"]["configuration"]["ingress"]["traffic"];
        let entries = traffic.as_array().into_iter().flatten();
        entries.filter_map(|entry| entry["label"].as_str())
    }

    /// The port on which its program is asked.
    pub fn target_port(&self) -> Option<u16> {
        let port = &self.body["properties"]["configuration"]["ingress"]["targetPort"];
        u16::try_from(port.as_u64()?).ok()
    }

    /// Whether a host name, in lower case, is one of its own.
    pub fn answers_at(&self, host: &str) -> bool {
        let is_revision = |revision: &AppRevision| self.host_of(&revision.name) == host;
        self.host(true) == host
            || self.host(false) == host
            || self.revisions.iter().any(is_revision)
            || self.labels().any(|label| self.label_host(label) == host)
    }
}

/// What Resource Manager stores of a registry. The rest is in its accounts.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegistryNotes {
    pub created: String,
    #[serde(default)]
    pub modified: String,
    #[serde(default)]
    pub tags: Map<String, Value>,
    /// As the client gave them.
    #[serde(default)]
    pub policies: Map<String, Value>,
}

/// What Resource Manager stores of a vault that a client made. Its secrets are elsewhere.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VaultRecord {
    pub name: String,
    pub resource_group: String,
    pub location: String,
    #[serde(default)]
    pub tags: Map<String, Value>,
    /// As the client gave them.
    pub properties: Map<String, Value>,
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub modified: String,
}

/// A lock of a resource, a group or the subscription.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LockRecord {
    /// As the client spelled it.
    pub scope: String,
    pub name: String,
    /// `CanNotDelete` or `ReadOnly`.
    pub level: String,
    pub notes: Option<String>,
}

/// A vault that was deleted and can be recovered. Times are Unix times in seconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeletedVault {
    pub vault: VaultRecord,
    pub deleted: i64,
    pub purged: i64,
}

/// A deployment of a template.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeploymentRecord {
    pub name: String,
    pub resource_group: String,
    /// `Running`, `Succeeded` or `Failed`.
    pub state: String,
    pub begun: String,
    pub correlation_id: String,
    pub hash: String,
    /// Without secure values.
    pub parameters: Map<String, Value>,
    pub outputs: Map<String, Value>,
    /// The ids of the resources that it made.
    pub resources: Vec<String>,
    /// What Azure shows of a failure; null where there is none.
    pub error: Value,
    /// The id of the resource that failed, or empty.
    pub failed: String,
}

/// All keys are ids or names in lower case.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Resources {
    pub resource_groups: BTreeMap<String, ResourceGroup>,
    pub container_groups: BTreeMap<String, ContainerGroup>,
    pub operations: BTreeMap<String, Operation>,
    pub registries: BTreeMap<String, RegistryNotes>,
    pub app_environments: BTreeMap<String, AppEnvironment>,
    pub apps: BTreeMap<String, App>,
    pub locks: BTreeMap<String, LockRecord>,
    pub vaults: BTreeMap<String, VaultRecord>,
    pub deleted_vaults: BTreeMap<String, DeletedVault>,
    pub deployments: BTreeMap<String, DeploymentRecord>,
}

#[derive(Debug)]
pub struct ResourceStore {
    path: PathBuf,
    content: Mutex<Resources>,
}

impl ResourceStore {
    /// Reads the file and adds the resource groups of the initial state.
    pub fn open(folder: &Path, initial: &InitialState) -> Result<Self, FileError> {
        let path = folder.join(FILE);
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

    pub fn read(&self) -> MutexGuard<'_, Resources> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change and writes the file before returning.
    pub fn change<T>(&self, change: impl FnOnce(&mut Resources) -> T) -> Result<T, FileError> {
        let mut content = self.read();
        let changed = change(&mut content);
        write_json(&self.path, &*content)?;
        Ok(changed)
    }
}

/// The names of what runs in a cloud, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Workloads {
    pub container_groups: Vec<String>,
    pub apps: Vec<String>,
}

/// What a state folder says that runs. Empty if the folder cannot be read.
pub fn workloads(state: &Path) -> Workloads {
    let path = state.join("arm").join(FILE);
    let content: Option<Resources> = read_json(&path).ok().flatten();
    let content = content.unwrap_or_default();
    Workloads {
        container_groups: content.container_groups.into_values().map(|it| it.name).collect(),
        apps: content.apps.into_values().map(|it| it.name).collect(),
    }
}
