//! Vaults as resources. Their secrets are in `local::vault`.

mod check;
mod deleted;
mod names;
mod put;
mod records;
mod secrets;

pub use records::{KIND, all, shown};

use super::handle::Arm;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use super::store::VaultRecord;
use http::{Method, StatusCode};
use names::{invalid_name, is_name, taken};
use records::{by_name, find};
use serde_json::{Value, json};

pub fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (get, post) = (request.method == Method::GET, request.method == Method::POST);
    match (path.resource_group.as_deref(), words.as_slice()) {
        (None, ["checknameavailability"]) if post => Ok(check_name(arm, &request.json()?)),
        (None, ["deletedvaults"]) if get => Ok(deleted::list(arm)),
        // There are no hardware security modules here, and so none that were deleted.
        (None, ["deletedmanagedhsms"]) if get => Ok(ArmResponse::list(Vec::new())),
        (None, ["locations", location, "deletedvaults", name]) if get => {
            deleted::show(arm, location, name)
        }
        (None, ["locations", location, "deletedvaults", name, "purge"]) if post => {
            deleted::purge(arm, location, name)
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
        (Some(group), ["vaults", _, "accesspolicies", change]) if request.method == Method::PUT => {
            put::change_policies(arm, &request.json()?, find(arm, group, &path.rest[1])?, change)
        }
        (Some(group), ["vaults", _, "secrets", _]) => {
            let vault = find(arm, group, &path.rest[1])?;
            secrets::handle(arm, request, &vault, &path.rest[3])
        }
        _ => Err(request.no_such_route()),
    }
}

fn one(arm: &Arm, request: &ArmRequest, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    match request.method {
        Method::GET => Ok(ArmResponse::ok(shown(arm, &find(arm, group, name)?))),
        Method::PUT => put::put(arm, request, group, name),
        Method::PATCH => put::patch(arm, &request.json()?, &find(arm, group, name)?),
        Method::DELETE => match find(arm, group, name) {
            Ok(vault) => deleted::delete(arm, vault).map(|()| ArmResponse::empty(StatusCode::OK)),
            Err(refusal) if refusal.code == "ResourceNotFound" => {
                Ok(ArmResponse::empty(StatusCode::NO_CONTENT))
            }
            Err(refusal) => Err(refusal),
        },
        _ => Err(ArmError::no_such_route(&request.method, name)),
    }
}

fn check_name(arm: &Arm, body: &Value) -> ArmResponse {
    let name = body["name"].as_str().unwrap_or_default();
    let refused = |reason: &str, message: String| json!({ "nameAvailable": false, "reason": reason, "message": message });
    let is_taken = by_name(arm, name).is_some() || deleted::find(arm, name).is_some();
    ArmResponse::ok(match is_taken {
        _ if !is_name(name) => refused("AccountNameInvalid", invalid_name(name)),
        true => refused("AlreadyExists", taken(name)),
        false => json!({ "nameAvailable": true }),
    })
}

/// Deletes the vaults that clients made in a resource group. They can be recovered where a
/// group of that name is made again.
pub fn delete_all(arm: &Arm, group: &str) -> Result<(), ArmError> {
    let made: Vec<VaultRecord> = arm.store.read().vaults.values().cloned().collect();
    let mut within =
        made.into_iter().filter(|vault| vault.resource_group.eq_ignore_ascii_case(group));
    within.try_for_each(|vault| deleted::delete(arm, vault))
}
