//! Secrets as resources, as templates make them. Their values are never shown here.

use super::super::handle::Arm;
use super::super::request::ArmRequest;
use super::super::response::{ArmError, ArmResponse};
use super::super::store::VaultRecord;
use super::records::{host, shown};
use crate::local::hidden::Hidden;
use crate::local::vault::{StoredSecret, is_secret_name, value_mistake};
use http::Method;
use serde_json::{Value, json};

pub fn handle(
    arm: &Arm,
    request: &ArmRequest,
    vault: &VaultRecord,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    match request.method {
        Method::GET => {}
        Method::PUT => put(arm, &request.json()?, vault, name)?,
        _ => return Err(request.no_such_route()),
    }
    let host = host(&vault.name);
    let found = arm.vaults.get(&host, name, None).ok_or_else(|| {
        let message = format!("The secret '{name}' was not found in the vault '{}'.", vault.name);
        ArmError::missing("SecretNotFound", message)
    })?;
    let mut attributes = json!({
        "enabled": found.enabled, "created": found.created, "updated": found.updated,
    });
    for (name, time) in [("nbf", found.not_before), ("exp", found.expires)] {
        if let Some(time) = time {
            attributes[name] = json!(time);
        }
    }
    let id = shown(arm, vault)["id"].as_str().map(|id| format!("{id}/secrets/{name}"));
    let kind = found.content_type.map_or(Value::Null, Value::String);
    Ok(ArmResponse::ok(json!({
        "id": id, "name": name, "type": "Microsoft.KeyVault/vaults/secrets",
        "location": vault.location,
        "properties": {
            "attributes": attributes, "contentType": kind,
            "secretUri": format!("https://{host}/secrets/{name}"),
            "secretUriWithVersion": format!("https://{host}/secrets/{name}/{}", found.version),
        },
    })))
}

fn put(arm: &Arm, body: &Value, vault: &VaultRecord, name: &str) -> Result<(), ArmError> {
    let properties = &body["properties"];
    let value = properties["value"].as_str().unwrap_or_default();
    if !is_secret_name(name) {
        let message = format!("The secret name '{name}' is not valid.");
        return Err(ArmError::bad("BadRequest", message));
    }
    if let Some(mistake) = value_mistake(value) {
        return Err(ArmError::bad("BadRequest", mistake));
    }
    let mut secret = StoredSecret::new(Hidden::new(value));
    secret.enabled = properties["attributes"]["enabled"].as_bool().unwrap_or(true);
    secret.expires = properties["attributes"]["exp"].as_i64();
    secret.not_before = properties["attributes"]["nbf"].as_i64();
    secret.content_type = properties["contentType"].as_str().map(str::to_owned);
    let added = arm.vaults.add(&host(&vault.name), name, secret);
    added.map_err(|error| ArmError::broken(&error))?.ok_or_else(|| {
        let message = format!(
            "Secret {name} is currently in a deleted but recoverable state, and its name cannot be \
             reused; in this state, the secret can only be recovered or purged."
        );
        ArmError::conflict("ConflictError", message)
    })
}
