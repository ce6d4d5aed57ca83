//! User-assigned identities, and the identities of other resources.

use super::handle::Arm;
use super::path::ResourceId;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use super::tags;
use crate::local::access::UserAssignedIdentity;
use crate::local::identity::ids_of;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

pub const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

pub fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (path.resource_group.as_deref(), words.as_slice()) {
        (group, ["userassignedidentities"]) if request.method == Method::GET => {
            let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
            let is_within = |identity: &UserAssignedIdentity| {
                let name = &identity.resource_group;
                group.as_ref().is_none_or(|group| group.name.eq_ignore_ascii_case(name))
            };
            let all = arm.access.directory.all().into_iter().filter(is_within);
            Ok(ArmResponse::list(all.map(|identity| shown(arm, &identity))))
        }
        (Some(group), ["userassignedidentities", _]) => one(arm, request, group, &path.rest[1]),
        _ => Err(request.no_such_route()),
    }
}

fn one(arm: &Arm, request: &ArmRequest, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let resource_group = &resource_groups::find(arm, group)?.name;
    let subscription = arm.identity().subscription_id.as_str();
    let id = ResourceId { subscription, resource_group, kind: KIND, name };
    let broken = |error| ArmError::broken(&error);
    match request.method {
        Method::GET => Ok(ArmResponse::ok(shown(arm, &find(arm, &id)?))),
        Method::PUT => put(arm, &request.json()?, &id),
        Method::PATCH => {
            let mut identity = find(arm, &id)?;
            identity.tags = tags::of(&request.json()?)?.unwrap_or(identity.tags);
            arm.access.directory.put(identity.clone()).map_err(broken)?;
            Ok(ArmResponse::ok(shown(arm, &identity)))
        }
        Method::DELETE => match arm.access.directory.remove(&id.to_string()).map_err(broken)? {
            Some(_) => Ok(ArmResponse::empty(StatusCode::OK)),
            None => Ok(ArmResponse::empty(StatusCode::NO_CONTENT)),
        },
        _ => Err(ArmError::no_such_route(&request.method, name)),
    }
}

/// An identity that was made, or where plans name them, any other.
fn find(arm: &Arm, id: &ResourceId<'_>) -> Result<UserAssignedIdentity, ArmError> {
    let directory = &arm.access.directory;
    if let Some(made) = directory.made(&id.to_string()) {
        return Ok(made);
    }
    let (group, name) = (id.resource_group, id.name);
    let (principal_id, client_id) = directory.ids(&id.to_string()).ok_or_else(|| {
        let message =
            format!("The Resource '{KIND}/{name}' under resource group '{group}' was not found.");
        ArmError::missing("ResourceNotFound", message)
    })?;
    Ok(UserAssignedIdentity {
        id: id.to_string(),
        name: name.to_owned(),
        resource_group: group.to_owned(),
        location: "westeurope".to_owned(),
        principal_id,
        client_id,
        tags: Map::new(),
    })
}

fn put(arm: &Arm, body: &Value, id: &ResourceId<'_>) -> Result<ArmResponse, ArmError> {
    if !is_name(id.name) {
        // The service's code and words are not known.
        let message = format!(
            "The name '{}' of the identity is invalid. It must have 3 to 128 letters, digits, \
             hyphens and underscores, and begin with a letter or digit.",
            id.name
        );
        return Err(ArmError::bad("InvalidResourceName", message));
    }
    let location = resource_groups::location(resource_groups::given_location(body)?, KIND)?;
    let before = arm.access.directory.made(&id.to_string());
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let new = || UserAssignedIdentity::new(id.to_string(), id.resource_group, id.name);
    let mut identity = before.unwrap_or_else(new);
    identity.location = location;
    identity.tags = tags::of(body)?.unwrap_or_default();
    let kept = arm.access.directory.put(identity.clone());
    kept.map_err(|error| ArmError::broken(&error))?;
    Ok(ArmResponse::new(status, shown(arm, &identity)))
}

fn is_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (3..=128).contains(&name.len())
        && name.bytes().all(is_good)
        && name.as_bytes()[0].is_ascii_alphanumeric()
}

fn shown(arm: &Arm, identity: &UserAssignedIdentity) -> Value {
    json!({
        "id": identity.id, "name": identity.name, "type": KIND, "location": identity.location,
        "tags": identity.tags,
        "properties": {
            "tenantId": arm.identity().tenant_id,
            "principalId": identity.principal_id,
            "clientId": identity.client_id,
        },
    })
}

/// Deletes the identities of a resource group.
pub fn delete_all(arm: &Arm, group: &str) -> Result<(), ArmError> {
    let directory = &arm.access.directory;
    let all = directory.all().into_iter();
    let mut within = all.filter(|identity| identity.resource_group.eq_ignore_ascii_case(group));
    within.try_for_each(|identity| {
        directory.remove(&identity.id).map(drop).map_err(|error| ArmError::broken(&error))
    })
}

/// Fails where a resource is to have an identity that does not exist.
pub fn check_assigned(arm: &Arm, body: &Value, resource: &str) -> Result<(), ArmError> {
    let own = body["identity"]["userAssignedIdentities"].as_object();
    let mut ids = own.into_iter().flat_map(Map::keys);
    let Some(missing) = ids.find(|id| arm.access.directory.ids(id).is_none()) else {
        return Ok(());
    };
    let message = format!(
        "Identity operation for resource '{resource}' failed with error 'Failed to perform resource \
         identity operation. Status: 'BadRequest'. Response: '{{\"error\":{{\"code\":\"BadRequest\",\
         \"message\":\"Resource '{missing}' was not found.\"}}}}'.'."
    );
    Err(ArmError::bad("FailedIdentityOperation", message))
}

/// The `identity` of a resource, with the ids that Azure adds.
pub fn assigned(arm: &Arm, put: &Value, resource: &str) -> Value {
    let mut identity = put.clone();
    if let Some(own) = identity["userAssignedIdentities"].as_object_mut() {
        for (id, value) in own {
            let (principal, client) = arm.access.directory.ids(id).unwrap_or_default();
            *value = json!({ "principalId": principal, "clientId": client });
        }
    }
    if has_own(put) {
        identity["principalId"] = json!(ids_of(resource).0);
    }
    identity["tenantId"] = json!(arm.identity().tenant_id);
    identity
}

/// Whether a resource has an identity of its own, which goes with it.
fn has_own(identity: &Value) -> bool {
    identity["type"].as_str().is_some_and(|kind| kind.contains("SystemAssigned"))
}

/// Whether a resource has an identity of its own with this principal id.
pub fn is_own_principal(arm: &Arm, principal: &str) -> bool {
    let content = arm.store.read();
    let groups = content.container_groups.values().map(|group| (&group.id, &group.body));
    let mut all = groups.chain(content.apps.values().map(|app| (&app.id, &app.body)));
    all.any(|(id, body)| has_own(&body["identity"]) && ids_of(id).0.eq_ignore_ascii_case(principal))
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_of_identities_are_as_azure_takes_them() {
        assert!(is_name("shop-pull_2") && is_name("1st") && is_name(&"a".repeat(128)));
        for name in ["ab", "-pull", "shop.pull", "a b c"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
