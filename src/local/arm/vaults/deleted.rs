//! Vaults that were deleted: shown, recovered, purged.

use super::super::handle::Arm;
use super::super::path::ResourceId;
use super::super::response::{ArmError, ArmResponse};
use super::super::store::{DeletedVault, VaultRecord};
use super::records::{KIND, host, keep, settings};
use http::StatusCode;
use serde_json::{Value, json};

pub fn find(arm: &Arm, name: &str) -> Option<DeletedVault> {
    let found = arm.store.read().deleted_vaults.get(&name.to_ascii_lowercase()).cloned();
    found.filter(|found| jiff::Timestamp::now().as_second() < found.purged)
}

/// In a location, which clients learn from the list.
fn find_at(arm: &Arm, location: &str, name: &str) -> Result<DeletedVault, ArmError> {
    let location = crate::value::normal_region(location);
    find(arm, name).filter(|found| found.vault.location == location).ok_or_else(|| {
        let message = format!("The specified deleted vault '{name}' does not exist.");
        ArmError::missing("DeletedVaultNotFound", message)
    })
}

pub fn list(arm: &Arm) -> ArmResponse {
    let names: Vec<String> = arm.store.read().deleted_vaults.keys().cloned().collect();
    let all = names.iter().filter_map(|name| find(arm, name));
    ArmResponse::list(all.map(|found| shown(arm, &found)).collect::<Vec<_>>())
}

pub fn show(arm: &Arm, location: &str, name: &str) -> Result<ArmResponse, ArmError> {
    Ok(ArmResponse::ok(shown(arm, &find_at(arm, location, name)?)))
}

fn shown(arm: &Arm, found: &DeletedVault) -> Value {
    let DeletedVault { vault, deleted, purged } = found;
    let subscription = arm.identity().subscription_id.as_str();
    let (resource_group, name) = (vault.resource_group.as_str(), vault.name.as_str());
    let id = ResourceId { subscription, resource_group, kind: KIND, name };
    let time = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string();
    json!({
        "id": format!(
            "/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{name}",
            vault.location
        ),
        "name": name, "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": id.to_string(), "location": vault.location, "tags": vault.tags,
            "deletionDate": time(*deleted), "scheduledPurgeDate": time(*purged),
            "purgeProtectionEnabled": settings(&vault.properties).purge_protection,
        },
    })
}

pub fn delete(arm: &Arm, vault: VaultRecord) -> Result<(), ArmError> {
    let broken = |error| ArmError::broken(&error);
    arm.vaults.delete(&host(&vault.name)).map_err(broken)?;
    let deleted = jiff::Timestamp::now().as_second();
    let purged = settings(&vault.properties).purge_time(deleted);
    let key = vault.name.to_ascii_lowercase();
    let moved = arm.store.change(|content| {
        content.vaults.remove(&key);
        content.deleted_vaults.insert(key, DeletedVault { vault, deleted, purged });
    });
    moved.map_err(broken)
}

/// Brings a vault back into the resource group that it was in.
pub fn recover(arm: &Arm, group: &str, name: &str) -> Result<VaultRecord, ArmError> {
    let found = find(arm, name);
    let found = found.filter(|it| it.vault.resource_group.eq_ignore_ascii_case(group));
    let Some(DeletedVault { vault, .. }) = found else {
        let message = format!("The specified deleted vault '{name}' does not exist.");
        return Err(ArmError::missing("DeletedVaultNotFound", message));
    };
    let broken = |error| ArmError::broken(&error);
    arm.vaults.recover(&host(name)).map_err(broken)?;
    let key = name.to_ascii_lowercase();
    arm.store.change(|content| drop(content.deleted_vaults.remove(&key))).map_err(broken)?;
    keep(arm, &vault)?;
    Ok(vault)
}

pub fn purge(arm: &Arm, location: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let found = find_at(arm, location, name)?;
    if settings(&found.vault.properties).purge_protection {
        let message = "Operation 'DeletedVaultPurge' is not allowed.";
        return Err(ArmError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message));
    }
    let broken = |error| ArmError::broken(&error);
    arm.vaults.purge(&host(name)).map_err(broken)?;
    let key = name.to_ascii_lowercase();
    arm.store.change(|content| drop(content.deleted_vaults.remove(&key))).map_err(broken)?;
    Ok(ArmResponse::empty(StatusCode::OK))
}
