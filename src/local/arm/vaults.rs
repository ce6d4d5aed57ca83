//! Vaults as resources. Their secrets are in `local::vault`.
//!
//! A vault that is deleted is gone at once: soft delete is not simulated.

use super::handle::Arm;
use super::path::ResourceId;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use super::store::VaultRecord;
use super::tags;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

pub const KIND: &str = "Microsoft.KeyVault/vaults";

const DOMAIN: &str = ".vault.azure.net";

/// The location of a vault of the initial state.
const DEFAULT_LOCATION: &str = "westeurope";

pub fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let get = request.method == Method::GET;
    match (path.resource_group.as_deref(), words.as_slice()) {
        (None, ["checknameavailability"]) if request.method == Method::POST => {
            Ok(check_name(arm, &request.json()?))
        }
        (None, ["deletedvaults" | "deletedmanagedhsms"]) if get => {
            Ok(ArmResponse::list(Vec::new()))
        }
        (group, ["vaults"]) if get => {
            let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
            let all = all(arm).into_iter().filter(|vault| {
                let is_within = |name: &str| vault.resource_group.eq_ignore_ascii_case(name);
                group.as_ref().is_none_or(|group| is_within(&group.name))
            });
            Ok(ArmResponse::list(all.map(|vault| shown(arm, &vault))))
        }
        (Some(group), ["vaults", _]) => one(arm, request, group, &path.rest[1]),
        _ => Err(request.no_such_route()),
    }
}

fn one(arm: &Arm, request: &ArmRequest, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    match request.method {
        Method::GET => Ok(ArmResponse::ok(shown(arm, &find(arm, group, name)?))),
        Method::PUT => put(arm, &request.json()?, group, name),
        Method::PATCH => {
            let mut vault = find(arm, group, name)?;
            let body = request.json()?;
            vault.tags = tags::of(&body)?.unwrap_or(vault.tags);
            for (key, value) in body["properties"].as_object().into_iter().flatten() {
                vault.properties.insert(key.clone(), value.clone());
            }
            keep(arm, &vault)?;
            Ok(ArmResponse::ok(shown(arm, &vault)))
        }
        Method::DELETE => match find(arm, group, name) {
            Ok(vault) => delete(arm, &vault).map(|()| ArmResponse::empty(StatusCode::OK)),
            Err(refusal) if refusal.code == "ResourceNotFound" => {
                Ok(ArmResponse::empty(StatusCode::NO_CONTENT))
            }
            Err(refusal) => Err(refusal),
        },
        _ => Err(ArmError::no_such_route(&request.method, name)),
    }
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
    }
}

fn by_name(arm: &Arm, name: &str) -> Option<VaultRecord> {
    let name = name.to_ascii_lowercase();
    all(arm).into_iter().find(|vault| vault.name.eq_ignore_ascii_case(&name))
}

/// A vault of the initial state is found in every resource group.
fn find(arm: &Arm, group: &str, name: &str) -> Result<VaultRecord, ArmError> {
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
    let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
    set("tenantId", json!(arm.identity().tenant_id));
    set("vaultUri", json!(format!("https://{}/", host(name))));
    set("provisioningState", json!("Succeeded"));
    json!({
        "id": id.to_string(), "name": name, "type": KIND, "location": vault.location,
        "tags": vault.tags, "properties": properties,
    })
}

fn host(name: &str) -> String {
    format!("{}{DOMAIN}", name.to_ascii_lowercase())
}

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=24).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes[0].is_ascii_alphabetic()
        && !name.ends_with('-')
        && !name.contains("--")
}

fn invalid_name(name: &str) -> String {
    format!(
        "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric \
         characters. The name must begin with a letter, end with a letter or digit, and not \
         contain consecutive hyphens. Follow this link for more information: \
         https://go.microsoft.com/fwlink/?linkid=2147742"
    )
}

fn taken(name: &str) -> String {
    format!(
        "The vault name '{name}' is already in use. Vault names are globally unique so it is \
         possible that the name is already taken. If you are sure that the vault name was not \
         taken then it is possible that a vault with the same name was recently deleted but not \
         purged after being placed in a recoverable state."
    )
}

fn check_name(arm: &Arm, body: &Value) -> ArmResponse {
    let name = body["name"].as_str().unwrap_or_default();
    let refused = |reason: &str, message: String| json!({ "nameAvailable": false, "reason": reason, "message": message });
    ArmResponse::ok(match by_name(arm, name) {
        _ if !is_name(name) => refused("AccountNameInvalid", invalid_name(name)),
        Some(_) => refused("AlreadyExists", taken(name)),
        None => json!({ "nameAvailable": true }),
    })
}

fn put(arm: &Arm, body: &Value, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    if !is_name(name) {
        return Err(ArmError::bad("VaultNameNotValid", invalid_name(name)));
    }
    let location = body["location"].as_str().filter(|location| !location.is_empty());
    let location = location.ok_or_else(|| {
        let message = "The location property is required for this definition.";
        ArmError::bad("LocationRequired", message)
    })?;
    let location = resource_groups::location(location, KIND)?;
    let before = by_name(arm, name);
    if before.as_ref().is_some_and(|before| !before.resource_group.eq_ignore_ascii_case(&group)) {
        return Err(ArmError::conflict("VaultAlreadyExists", taken(name)));
    }
    let properties = body["properties"].as_object().cloned().unwrap_or_default();
    if properties.get("sku").and_then(|sku| sku["name"].as_str()).is_none() {
        let message = "The parameter sku is not specified.";
        return Err(ArmError::bad("BadRequest", message));
    }
    let name = before.map_or_else(|| name.to_owned(), |before| before.name);
    let tags = tags::of(body)?.unwrap_or_default();
    let vault = VaultRecord { name, resource_group: group, location, tags, properties };
    keep(arm, &vault)?;
    arm.vaults.create(&host(&vault.name)).map_err(|error| ArmError::broken(&error))?;
    Ok(ArmResponse::ok(shown(arm, &vault)))
}

fn keep(arm: &Arm, vault: &VaultRecord) -> Result<(), ArmError> {
    let key = vault.name.to_ascii_lowercase();
    let kept = arm.store.change(|content| drop(content.vaults.insert(key, vault.clone())));
    kept.map_err(|error| ArmError::broken(&error))
}

fn delete(arm: &Arm, vault: &VaultRecord) -> Result<(), ArmError> {
    arm.vaults.remove(&host(&vault.name)).map_err(|error| ArmError::broken(&error))?;
    let key = vault.name.to_ascii_lowercase();
    let removed = arm.store.change(|content| drop(content.vaults.remove(&key)));
    removed.map_err(|error| ArmError::broken(&error))
}

/// Deletes the vaults that clients made in a resource group.
pub fn delete_all(arm: &Arm, group: &str) -> Result<(), ArmError> {
    let made: Vec<VaultRecord> = arm.store.read().vaults.values().cloned().collect();
    let mut within = made.iter().filter(|vault| vault.resource_group.eq_ignore_ascii_case(group));
    within.try_for_each(|vault| delete(arm, vault))
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_of_vaults_are_as_azure_takes_them() {
        for name in ["abc", "shop-vault", "Shop1", "a23456789012345678901234"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["ab", "1ab", "shop_vault", "shop-", "shop--vault", "a234567890123456789012345"]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
