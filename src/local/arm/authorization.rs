//! The provider `Microsoft.Authorization`, which stands behind any scope: permissions,
//! role assignments, role definitions. [`check`] is what all other requests pass.

use super::handle::Arm;
use super::identities;
use super::locks;
use super::path::ResourcePath;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use crate::local::access::{Assignment, ROLES, Role};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const SEGMENT: &str = "/providers/microsoft.authorization/";

/// The scope that a path of this provider is about, and the route behind it.
pub fn scope_and_route(raw_path: &str) -> Option<(&str, &str)> {
    let at = raw_path.to_ascii_lowercase().rfind(SEGMENT)?;
    Some((&raw_path[..at], &raw_path[at + SEGMENT.len()..]))
}

pub fn handle(
    arm: &Arm,
    request: &ArmRequest,
    scope: &str,
    rest: &str,
) -> Result<ArmResponse, ArmError> {
    let words: Vec<String> = rest.split('/').map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (&request.method, words.as_slice()) {
        (_, ["locks"]) => locks::handle(arm, request, scope, None),
        (_, ["locks", _]) => locks::handle(arm, request, scope, rest.split('/').nth(1)),
        (&Method::GET, ["permissions"]) => Ok(permissions(arm, scope)),
        (&Method::GET, ["roleassignments"]) => Ok(assignments(arm, request, scope)),
        (&Method::PUT, ["roleassignments", id]) => assign(arm, request, scope, id),
        (&Method::GET, ["roleassignments", id]) => one(arm, id),
        (&Method::DELETE, ["roleassignments", id]) => unassign(arm, scope, id),
        (&Method::GET, ["roledefinitions"]) => Ok(definitions(arm, request)),
        (&Method::GET, ["roledefinitions", id]) => definition(arm, id),
        _ => Err(request.no_such_route()),
    }
}

/// What the application may do at a scope.
fn permissions(arm: &Arm, scope: &str) -> ArmResponse {
    let principal = &arm.identity().object_id;
    if arm.access.is_open() {
        let all = json!({ "actions": ["*"], "notActions": [], "dataActions": ["*"], "notDataActions": [] });
        return ArmResponse::list(vec![all]);
    }
    let own = arm.access.at(scope).into_iter().filter(|it| it.principal == *principal);
    ArmResponse::list(own.map(|assignment| permissions_of(assignment.role)).collect::<Vec<_>>())
}

fn permissions_of(role: &Role) -> Value {
    json!({
        "actions": role.actions, "notActions": role.not_actions,
        "dataActions": role.data_actions, "notDataActions": [],
    })
}

/// The text between the first quotes of a filter.
fn quoted(filter: &str) -> Option<&str> {
    filter.split('\'').nth(1)
}

fn role_id(arm: &Arm, role: &Role) -> String {
    let subscription = &arm.identity().subscription_id;
    format!(
        "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}",
        role.id
    )
}

fn described(arm: &Arm, assignment: &Assignment) -> Value {
    let Assignment { id, role, principal, principal_type, scope } = assignment;
    json!({
        "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{id}"),
        "name": id,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": role_id(arm, role), "principalId": principal, "scope": scope,
            "principalType": principal_type,
        },
    })
}

fn assignments(arm: &Arm, request: &ArmRequest, scope: &str) -> ArmResponse {
    let filter = request.parameter("$filter").unwrap_or_default();
    let principal = quoted(filter);
    let mut all = arm.access.at(scope);
    if !filter.to_ascii_lowercase().contains("atscope()") {
        all.extend(arm.access.below(scope));
    }
    if arm.access.is_open() {
        // Who may do everything has every role.
        let holder = principal.unwrap_or(&arm.identity().object_id).to_owned();
        all = ROLES
            .iter()
            .map(|role| Assignment {
                id: role.id.to_owned(),
                role,
                principal: holder.clone(),
                principal_type: "ServicePrincipal".to_owned(),
                scope: scope.to_owned(),
            })
            .collect();
    }
    all.retain(|assignment| principal.is_none_or(|principal| assignment.principal == principal));
    ArmResponse::list(all.iter().map(|assignment| described(arm, assignment)).collect::<Vec<_>>())
}

fn assign(arm: &Arm, request: &ArmRequest, scope: &str, id: &str) -> Result<ArmResponse, ArmError> {
    let action = "Microsoft.Authorization/roleAssignments/write";
    if !arm.access.may(&arm.identity().object_id, scope, action) {
        return Err(forbidden(arm, action, scope));
    }
    // A scope need not be a resource that is there, but its group has to.
    if let Some(group) = ResourcePath::parse(scope).and_then(|path| path.resource_group) {
        resource_groups::find(arm, &group)?;
    }
    let body = request.json()?;
    let wanted = body["properties"]["roleDefinitionId"].as_str().unwrap_or_default();
    let role = ROLES.iter().find(|role| wanted.to_ascii_lowercase().ends_with(role.id));
    let role = role.ok_or_else(|| {
        let message = format!("The specified role definition with ID '{wanted}' does not exist.");
        ArmError::bad("RoleDefinitionDoesNotExist", message)
    })?;
    let principal = body["properties"]["principalId"].as_str().unwrap_or_default().to_owned();
    let is_same = |known: &Assignment| {
        known.role.id == role.id
            && known.principal == principal
            && known.scope.eq_ignore_ascii_case(scope)
    };
    if let Some(known) = arm.access.at(scope).iter().find(|known| is_same(known)) {
        // A template that is deployed again names its assignments by the same ids.
        if known.id.eq_ignore_ascii_case(id) {
            return Ok(ArmResponse::ok(described(arm, known)));
        }
        let message = "The role assignment already exists.";
        return Err(ArmError::new(StatusCode::CONFLICT, "RoleAssignmentExists", message));
    }
    check_principal(arm, &principal)?;
    let kind = body["properties"]["principalType"].as_str().unwrap_or("ServicePrincipal");
    let (principal_type, scope) = (kind.to_owned(), scope.to_owned());
    let assignment = Assignment { id: id.to_owned(), role, principal, principal_type, scope };
    arm.access.assign(assignment.clone()).map_err(|error| ArmError::broken(&error))?;
    Ok(ArmResponse::new(StatusCode::CREATED, described(arm, &assignment)))
}

/// Fails where no application or identity has this object id.
fn check_principal(arm: &Arm, principal: &str) -> Result<(), ArmError> {
    let identity = arm.identity();
    if principal.eq_ignore_ascii_case(&identity.object_id)
        || arm.access.directory.knows(principal)
        || identities::is_own_principal(arm, principal)
    {
        return Ok(());
    }
    let message = format!(
        "Principal {} does not exist in the directory {}. Check that you have the correct principal \
         ID. If you are creating this principal and then immediately assigning a role, this error \
         might be related to a replication delay. In this case, set the role assignment \
         principalType property to a value, such as ServicePrincipal, User, or Group.  See \
         https://aka.ms/docs-principaltype",
        principal.replace('-', ""),
        identity.tenant_id
    );
    Err(ArmError::bad("PrincipalNotFound", message))
}

fn one(arm: &Arm, id: &str) -> Result<ArmResponse, ArmError> {
    let subscription = format!("/subscriptions/{}", arm.identity().subscription_id);
    let mut all = arm.access.at(&subscription);
    all.extend(arm.access.below(&subscription));
    let found = all.iter().find(|assignment| assignment.id.eq_ignore_ascii_case(id));
    let found = found.ok_or_else(|| {
        let message = format!("The role assignment '{id}' is not found.");
        ArmError::missing("RoleAssignmentNotFound", message)
    })?;
    Ok(ArmResponse::ok(described(arm, found)))
}

fn unassign(arm: &Arm, scope: &str, id: &str) -> Result<ArmResponse, ArmError> {
    let action = "Microsoft.Authorization/roleAssignments/delete";
    if !arm.access.may(&arm.identity().object_id, scope, action) {
        return Err(forbidden(arm, action, scope));
    }
    let removed = arm.access.unassign(id).map_err(|error| ArmError::broken(&error))?;
    Ok(match removed {
        Some(removed) => ArmResponse::ok(described(arm, &removed)),
        None => ArmResponse::empty(StatusCode::NO_CONTENT),
    })
}

fn definition(arm: &Arm, id: &str) -> Result<ArmResponse, ArmError> {
    let role = ROLES.iter().find(|role| role.id == id).ok_or_else(|| {
        let message = format!("The specified role definition with ID '{id}' does not exist.");
        ArmError::missing("RoleDefinitionDoesNotExist", message)
    })?;
    Ok(ArmResponse::ok(shown_definition(arm, role)))
}

fn definitions(arm: &Arm, request: &ArmRequest) -> ArmResponse {
    let filter = request.parameter("$filter").unwrap_or_default();
    let name = quoted(filter);
    let named =
        ROLES.iter().filter(|role| name.is_none_or(|name| role.name.eq_ignore_ascii_case(name)));
    ArmResponse::list(named.map(|role| shown_definition(arm, role)).collect::<Vec<_>>())
}

fn shown_definition(arm: &Arm, role: &Role) -> Value {
    json!({
        "id": role_id(arm, role), "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name, "type": "BuiltInRole", "description": "",
            "assignableScopes": ["/"], "permissions": [permissions_of(role)],
        },
    })
}

/// Refuses a request to a resource that no role of the application permits.
pub fn check(arm: &Arm, request: &ArmRequest) -> Result<(), ArmError> {
    if arm.access.is_open() {
        return Ok(());
    }
    let Some(action) = action(request) else { return Ok(()) };
    let identity = arm.identity();
    let scope = request.raw_path.trim_end_matches('/');
    if arm.access.may(&identity.object_id, scope, &action) {
        return Ok(());
    }
    Err(forbidden(arm, &action, scope))
}

/// What a request does, as roles name it; `None` where all may do it.
fn action(request: &ArmRequest) -> Option<String> {
    let path = &request.path;
    let Some(provider) = path.provider.as_deref() else {
        // Groups are read by all who have a role in them. The resources of a group end
        // with it.
        path.resource_group.as_ref().filter(|_| path.rest.is_empty())?;
        let verb = match request.method {
            Method::DELETE => "delete",
            Method::PUT | Method::PATCH => "write",
            _ => return None,
        };
        return Some(format!("Microsoft.Resources/subscriptions/resourceGroups/{verb}"));
    };
    // Regions, operations and registrations belong to the subscription.
    let is_shared = path.resource_group.is_none()
        && (path.rest.is_empty() || ["locations", "register"].contains(&path.words()[0].as_str()));
    if is_shared {
        return None;
    }
    let types: Vec<&str> = path.rest.iter().step_by(2).map(String::as_str).collect();
    let verb = match request.method {
        Method::GET | Method::HEAD => "read",
        Method::DELETE => "delete",
        Method::POST => "action",
        _ => "write",
    };
    Some(format!("{provider}/{}/{verb}", types.join("/")))
}

fn forbidden(arm: &Arm, action: &str, scope: &str) -> ArmError {
    let identity = arm.identity();
    let message = format!(
        "The client '{}' with object id '{}' does not have authorization to perform action \
         '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, \
         please refresh your credentials.",
        identity.client_id, identity.object_id
    );
    ArmError::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message)
}
