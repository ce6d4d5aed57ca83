//! What Resource Manager shows of a registry.

use super::super::handle::Arm;
use super::super::system_data::{EARLIER, system_data};
use super::records::{KIND, id_of, location};
use crate::local::initial_state::AzureRegistry;
use serde_json::{Map, Value, json};

/// Whether a version of the API tells of anonymous pulls: the previews do, and among the
/// others those since this one.
fn has_anonymous_pull(version: &str) -> bool {
    is_preview(version) || version >= "2025-11-01"
}

fn is_preview(version: &str) -> bool {
    version.ends_with("-preview")
}

pub fn shown(arm: &Arm, registry: &AzureRegistry, version: &str) -> Value {
    let notes = arm.store.read().registries.get(&registry.name.to_ascii_lowercase()).cloned();
    let notes = notes.unwrap_or_default();
    let or_earlier = |time: String| if time.is_empty() { EARLIER.to_owned() } else { time };
    let (created, modified) = (or_earlier(notes.created), or_earlier(notes.modified));
    let mut shown = json!({
        "sku": { "name": registry.sku, "tier": registry.sku },
        "type": KIND,
        "id": id_of(arm, registry),
        "name": registry.name,
        "location": location(arm, registry),
        "tags": notes.tags,
        "systemData": system_data(arm, &created, &modified),
        "properties": {
            "loginServer": registry.host,
            "creationDate": created,
            "provisioningState": "Succeeded",
            "adminUserEnabled": registry.admin_user,
            "policies": policies(&notes.policies, &modified, version),
            "encryption": { "status": "disabled" },
            "dataEndpointEnabled": false,
            "dataEndpointHostNames": [],
            "privateEndpointConnections": [],
            "publicNetworkAccess": "Enabled",
            "networkRuleBypassOptions": "AzureServices",
            "zoneRedundancy": "Disabled",
        },
    });
    // Only this size has rules.
    if registry.sku == "Premium" {
        shown["properties"]["networkRuleSet"] = json!({ "defaultAction": "Allow", "ipRules": [] });
    }
    if has_anonymous_pull(version) {
        shown["properties"]["anonymousPullEnabled"] = json!(registry.anonymous_pull);
    }
    shown
}

/// The policies, with what a client has set of them. They are shown and have no effect.
fn policies(set: &Map<String, Value>, modified: &str, version: &str) -> Value {
    let mut all = json!({
        "quarantinePolicy": { "status": "disabled" },
        "trustPolicy": { "type": "Notary", "status": "disabled" },
        "retentionPolicy": { "days": 7, "lastUpdatedTime": modified, "status": "disabled" },
        "exportPolicy": { "status": "enabled" },
    });
    if is_preview(version) {
        all["azureADAuthenticationAsArmPolicy"] = json!({ "status": "enabled" });
        all["softDeletePolicy"] =
            json!({ "retentionDays": 7, "lastUpdatedTime": modified, "status": "disabled" });
    }
    for (name, policy) in all.as_object_mut().into_iter().flatten() {
        for (key, value) in set.get(name).and_then(Value::as_object).into_iter().flatten() {
            policy[key] = value.clone();
        }
    }
    all
}

/// What a registry may hold and holds, as `az acr show-usage` lists it.
pub fn usages(arm: &Arm, registry: &AzureRegistry) -> Vec<Value> {
    const GIB: i64 = 1 << 30;
    let (gib, webhooks) = match registry.sku.as_str() {
        "Basic" => (10, 2),
        "Standard" => (100, 10),
        _ => (500, 500),
    };
    let usage = |name: &str, limit: i64, value: usize, unit: &str| json!({ "name": name, "limit": limit, "currentValue": value, "unit": unit });
    let mut all =
        vec![usage("Size", gib * GIB, 0, "Bytes"), usage("Webhooks", webhooks, 0, "Count")];
    if registry.sku == "Premium" {
        // Without a limit.
        all.push(usage("Geo-replications", -1, 0, "Count"));
        all.push(usage("IPRules", 100, 0, "Count"));
        all.push(usage("VNetRules", 100, 0, "Count"));
        all.push(usage("PrivateEndpointConnections", 200, 0, "Count"));
        let (maps, tokens) = arm.registries.accounts.counts(&registry.host);
        all.push(usage("ScopeMaps", 50_000, maps, "Count"));
        all.push(usage("Tokens", 50_000, tokens, "Count"));
    }
    all
}
