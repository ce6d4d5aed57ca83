//! PUT and PATCH of a vault, and of its access policies.

use super::super::handle::Arm;
use super::super::request::ArmRequest;
use super::super::resource_groups;
use super::super::response::{ArmError, ArmResponse};
use super::super::store::VaultRecord;
use super::super::tags;
use super::check;
use super::deleted;
use super::names::{invalid_name, is_name, taken};
use super::records::{KIND, by_name, keep, shown};
use http::StatusCode;
use serde_json::{Value, json};

/// The versions since this one let role assignments decide unless a vault says otherwise.
const ROLES_BY_DEFAULT: &str = "2026-02-01";

pub fn put(
    arm: &Arm,
    request: &ArmRequest,
    group: &str,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    let body = request.json()?;
    let group = resource_groups::find(arm, group)?.name;
    if !is_name(name) {
        return Err(ArmError::bad("VaultNameNotValid", invalid_name(name)));
    }
    let location = resource_groups::location(resource_groups::given_location(&body)?, KIND)?;
    if body["properties"]["createMode"] == "recover" {
        let vault = deleted::recover(arm, &group, name)?;
        return Ok(ArmResponse::ok(shown(arm, &vault)));
    }
    if deleted::find(arm, name).is_some() {
        let message = "A vault with the same name already exists in deleted state. You need to \
                       either recover or purge existing key vault. Follow this link \
                       https://go.microsoft.com/fwlink/?linkid=2149745 for more information on \
                       soft delete.";
        return Err(ArmError::conflict("ConflictError", message));
    }
    let before = by_name(arm, name);
    if before.as_ref().is_some_and(|before| !before.resource_group.eq_ignore_ascii_case(&group)) {
        return Err(ArmError::conflict("VaultAlreadyExists", taken(name)));
    }
    let mut properties = body["properties"].as_object().cloned().unwrap_or_default();
    properties.retain(|name, value| name != "createMode" && !value.is_null());
    let version = request.api_version()?;
    let by_roles = version >= ROLES_BY_DEFAULT;
    if by_roles {
        properties.entry("enableRbacAuthorization").or_insert(json!(true));
    }
    check::new_vault(&properties, before.as_ref())?;
    let now = jiff::Timestamp::now().to_string();
    let (name, created) =
        before.map_or_else(|| (name.to_owned(), now.clone()), |it| (it.name, it.created));
    let tags = tags::of(&body)?.unwrap_or_default();
    let vault = VaultRecord {
        name,
        resource_group: group,
        location,
        tags,
        properties,
        created,
        modified: now,
    };
    keep(arm, &vault)?;
    Ok(ArmResponse::ok(shown(arm, &vault)))
}

pub fn patch(arm: &Arm, body: &Value, vault: &VaultRecord) -> Result<ArmResponse, ArmError> {
    let mut changed = vault.clone();
    changed.tags = tags::of(body)?.unwrap_or(changed.tags);
    changed.modified = jiff::Timestamp::now().to_string();
    for (key, value) in body["properties"].as_object().into_iter().flatten() {
        if !value.is_null() {
            changed.properties.insert(key.clone(), value.clone());
        }
    }
    check::vault(&changed.properties, Some(vault))?;
    keep(arm, &changed)?;
    Ok(ArmResponse::ok(shown(arm, &changed)))
}

/// Adds, replaces or removes access policies, each of one principal.
pub fn change_policies(
    arm: &Arm,
    body: &Value,
    mut vault: VaultRecord,
    change: &str,
) -> Result<ArmResponse, ArmError> {
    let given = check::policies(&body["properties"]["accessPolicies"])?.clone();
    let policies = vault.properties.entry("accessPolicies").or_insert(json!([]));
    let mut kept = policies.as_array().cloned().unwrap_or_default();
    let same = |one: &Value, other: &Value| one["objectId"] == other["objectId"];
    let is_given = |policy: &Value| given.iter().any(|other| same(policy, other));
    match change {
        "add" => {
            for policy in &given {
                match kept.iter_mut().find(|known| same(known, policy)) {
                    Some(known) => unite(&mut known["permissions"], &policy["permissions"]),
                    None => kept.push(policy.clone()),
                }
            }
        }
        "replace" => {
            kept.retain(|policy| !is_given(policy));
            kept.extend(given.iter().cloned());
        }
        "remove" => kept.retain(|policy| !is_given(policy)),
        other => {
            let message = format!("There is no change '{other}' of access policies.");
            return Err(ArmError::bad("BadRequest", message));
        }
    }
    *policies = Value::Array(kept);
    keep(arm, &vault)?;
    let shown = shown(arm, &vault);
    let id = shown["id"].as_str().unwrap_or_default();
    Ok(ArmResponse::new(
        StatusCode::OK,
        json!({
            "id": format!("{id}/accessPolicies/"), "type": format!("{KIND}/accessPolicies"),
            "properties": { "accessPolicies": shown["properties"]["accessPolicies"] },
        }),
    ))
}

/// Adds the permissions that are not there yet.
fn unite(known: &mut Value, added: &Value) {
    for (kind, names) in added.as_object().into_iter().flatten() {
        let mut all = known[kind].as_array().cloned().unwrap_or_default();
        let new = names.as_array().into_iter().flatten().filter(|name| !all.contains(name));
        let new: Vec<Value> = new.cloned().collect();
        all.extend(new);
        known[kind] = Value::Array(all);
    }
}

#[cfg(test)]
mod tests {
    use super::unite;
    use serde_json::json;

    #[test]
    fn permissions_are_added_once() {
        let mut known = json!({ "secrets": ["get"] });
        unite(&mut known, &json!({ "secrets": ["get", "list"], "keys": ["sign"] }));
        assert_eq!(known, json!({ "secrets": ["get", "list"], "keys": ["sign"] }));
    }
}
