//! Finding, showing and storing vaults.

use super::super::handle::Arm;
use super::super::path::ResourceId;
use super::super::resource_groups;
use super::super::response::ArmError;
use super::super::store::VaultRecord;
use super::super::system_data::{EARLIER, system_data};
use crate::local::vault::{AccessPolicy, VaultSettings};
use serde_json::{Map, Value, json};

pub const KIND: &str = "Microsoft.KeyVault/vaults";

const DOMAIN: &str = ".vault.azure.net";

/// The location of a vault of the initial state.
const DEFAULT_LOCATION: &str = "westeurope";

/// What the service shows of a vault that says nothing of it.
fn defaults() -> [(&'static str, Value); 4] {
    [
        ("accessPolicies", json!([])),
        ("enableSoftDelete", json!(true)),
        ("softDeleteRetentionInDays", json!(90)),
        ("publicNetworkAccess", json!("Enabled")),
    ]
}

/// All vaults: those that clients made, and those of the initial state, which name no
/// resource group and are shown in the first one.
pub fn all(arm: &Arm) -> Vec<VaultRecord> {
    let hosts = arm.vaults.hosts();
    let content = arm.store.read();
    let first = content.resource_groups.values().next().map(|group| group.name.clone());
    let record = |host: &String| {
        let name = host.split('.').next().unwrap_or_default();
        let made = content.vaults.get(name).cloned();
        made.or_else(|| first.as_deref().map(|group| initial(name, group)))
    };
    hosts.iter().filter_map(record).collect()
}

fn initial(name: &str, group: &str) -> VaultRecord {
    let properties = json!({
        "sku": { "family": "A", "name": "standard" }, "enableRbacAuthorization": true,
    });
    VaultRecord {
        name: name.to_owned(),
        resource_group: group.to_owned(),
        location: DEFAULT_LOCATION.to_owned(),
        tags: Map::new(),
        properties: properties.as_object().cloned().unwrap_or_default(),
        created: EARLIER.to_owned(),
        modified: EARLIER.to_owned(),
    }
}

pub fn by_name(arm: &Arm, name: &str) -> Option<VaultRecord> {
    let name = name.to_ascii_lowercase();
    all(arm).into_iter().find(|vault| vault.name.eq_ignore_ascii_case(&name))
}

/// A vault of the initial state is found in every resource group.
pub fn find(arm: &Arm, group: &str, name: &str) -> Result<VaultRecord, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    let is_made = arm.store.read().vaults.contains_key(&name.to_ascii_lowercase());
    let found = by_name(arm, name)
        .filter(|vault| !is_made || vault.resource_group.eq_ignore_ascii_case(&group));
    let found = found.map(|vault| VaultRecord { resource_group: group.clone(), ..vault });
    found.ok_or_else(|| {
        let message =
            format!("The Resource '{KIND}/{name}' under resource group '{group}' was not found.");
        ArmError::missing("ResourceNotFound", message)
    })
}

pub fn shown(arm: &Arm, vault: &VaultRecord) -> Value {
    let subscription = arm.identity().subscription_id.as_str();
    let (resource_group, name) = (vault.resource_group.as_str(), vault.name.as_str());
    let id = ResourceId { subscription, resource_group, kind: KIND, name };
    let mut properties = vault.properties.clone();
    for (name, value) in defaults() {
        properties.entry(name).or_insert(value);
    }
    let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
    set("tenantId", json!(arm.identity().tenant_id));
    set("vaultUri", json!(format!("https://{}/", host(name))));
    set("provisioningState", json!("Succeeded"));
    json!({
        "id": id.to_string(), "name": name, "type": KIND, "location": vault.location,
        "tags": vault.tags, "systemData": system_data(arm, &vault.created, &vault.modified),
        "properties": properties,
    })
}

pub fn host(name: &str) -> String {
    format!("{}{DOMAIN}", name.to_ascii_lowercase())
}

/// Stores a vault, and what of it holds for its secrets.
pub fn keep(arm: &Arm, vault: &VaultRecord) -> Result<(), ArmError> {
    let key = vault.name.to_ascii_lowercase();
    let kept = arm.store.change(|content| drop(content.vaults.insert(key, vault.clone())));
    kept.map_err(|error| ArmError::broken(&error))?;
    let stored = arm.vaults.put(&host(&vault.name), settings(&vault.properties));
    stored.map_err(|error| ArmError::broken(&error))
}

pub fn settings(properties: &Map<String, Value>) -> VaultSettings {
    let value = |name: &str| properties.get(name).unwrap_or(&Value::Null);
    let policies = value("accessPolicies").as_array().into_iter().flatten().map(|policy| {
        let secrets = policy["permissions"]["secrets"].as_array().into_iter().flatten();
        AccessPolicy {
            object_id: policy["objectId"].as_str().unwrap_or_default().to_owned(),
            secrets: secrets.filter_map(Value::as_str).map(str::to_ascii_lowercase).collect(),
        }
    });
    let by_roles = value("enableRbacAuthorization") == true;
    VaultSettings {
        retention_days: value("softDeleteRetentionInDays").as_i64().unwrap_or(90),
        purge_protection: value("enablePurgeProtection") == true,
        policies: (!by_roles).then(|| policies.collect()),
    }
}
