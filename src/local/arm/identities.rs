//! User-assigned identities and vaults, as far as a deployment reads them. Every
//! identity that a client asks for exists, because plans do not create them.

use super::handle::Arm;
use super::path::ResourceId;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use crate::local::identity::ids_of;
use http::Method;
use serde_json::{Value, json};

pub const VAULT_KIND: &str = "Microsoft.KeyVault/vaults";

const VAULT_DOMAIN: &str = ".vault.azure.net";

pub fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if request.method != Method::GET {
        return Err(request.no_such_route());
    }
    let subscription = path.subscription.as_deref().unwrap_or_default();
    match (path.resource_group.as_deref(), words.as_slice()) {
        (Some(group), ["userassignedidentities", _]) => {
            let resource_group = &resource_groups::find(arm, group)?.name;
            let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
            let id = ResourceId { subscription, resource_group, kind, name: &path.rest[1] };
            Ok(ArmResponse::ok(identity(arm, &id)))
        }
        (Some(group), ["vaults", _]) => {
            let resource_group = &resource_groups::find(arm, group)?.name;
            let name = path.rest[1].as_str();
            if !arm.vaults.exists(&format!("{name}{VAULT_DOMAIN}")) {
                let message = format!(
                    "The Resource 'Microsoft.KeyVault/vaults/{name}' under resource group '{resource_group}' was not found."
                );
                return Err(ArmError::missing("ResourceNotFound", message));
            }
            Ok(ArmResponse::ok(vault(arm, subscription, resource_group, name)))
        }
        (_, ["vaults"]) => Ok(ArmResponse::list(vaults(arm, subscription))),
        _ => Err(request.no_such_route()),
    }
}

fn identity(arm: &Arm, id: &ResourceId<'_>) -> Value {
    let (principal, client) = ids_of(&id.to_string());
    json!({
        "id": id.to_string(), "name": id.name, "type": id.kind, "location": "westeurope", "tags": {},
        "properties": {
            "tenantId": arm.identity().tenant_id,
            "principalId": principal,
            "clientId": client,
        },
    })
}

fn vault(arm: &Arm, subscription: &str, resource_group: &str, name: &str) -> Value {
    let kind = VAULT_KIND;
    json!({
        "id": ResourceId { subscription, resource_group, kind, name }.to_string(),
        "name": name, "type": kind, "location": "westeurope", "tags": {},
        "properties": {
            "sku": { "family": "A", "name": "standard" },
            "tenantId": arm.identity().tenant_id,
            "enableRbacAuthorization": true,
            "vaultUri": format!("https://{name}{VAULT_DOMAIN}/"),
            "provisioningState": "Succeeded",
        },
    })
}

/// The resource group that lists name for all vaults: they have none of their own here.
pub fn vault_group(arm: &Arm) -> Option<String> {
    arm.store.read().resource_groups.values().next().map(|group| group.name.clone())
}

/// All vaults, as Resource Manager shows them.
pub fn vaults(arm: &Arm, subscription: &str) -> Vec<Value> {
    let Some(group) = vault_group(arm) else { return Vec::new() };
    let names = arm.vault_hosts.iter().filter_map(|host| host.split('.').next());
    names.map(|name| vault(arm, subscription, &group, name)).collect()
}
