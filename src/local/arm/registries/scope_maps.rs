//! `registries/R/scopeMaps`: what tokens of a registry may do.

use super::super::handle::Arm;
use super::super::request::ArmRequest;
use super::super::response::{ArmError, ArmResponse};
use super::super::system_data::system_data;
use super::records::id_of;
use crate::local::initial_state::AzureRegistry;
use crate::local::registry::{ScopeMap, built_in, grant};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const KIND: &str = "Microsoft.ContainerRegistry/registries/scopeMaps";

pub fn handle(
    arm: &Arm,
    request: &ArmRequest,
    registry: &AzureRegistry,
) -> Result<ArmResponse, ArmError> {
    let own = arm.registries.accounts.scope_tokens(&registry.host);
    match (&request.method, request.path.rest.get(3), request.path.rest.len()) {
        (&Method::GET, None, _) => {
            let all = built_in().chain(own.maps.into_values());
            Ok(ArmResponse::list(all.map(|map| shown(arm, registry, &map))))
        }
        (&Method::GET, Some(name), 4) => {
            let found = own.map(name).ok_or_else(|| missing(name))?;
            Ok(ArmResponse::ok(shown(arm, registry, &found)))
        }
        (&Method::PUT, Some(name), 4) => {
            put(arm, registry, own.map(name), Asked { name, body: &request.json()? })
        }
        (&Method::PATCH, Some(name), 4) => {
            let before = own.map(name).ok_or_else(|| missing(name))?;
            put(arm, registry, Some(before), Asked { name, body: &request.json()? })
        }
        (&Method::DELETE, Some(name), 4) => delete(arm, registry, name),
        _ => Err(request.no_such_route()),
    }
}

/// The name of a scope map, and what a client says of it.
#[derive(Clone, Copy)]
struct Asked<'a> {
    name: &'a str,
    body: &'a Value,
}

fn put(
    arm: &Arm,
    registry: &AzureRegistry,
    before: Option<ScopeMap>,
    asked: Asked<'_>,
) -> Result<ArmResponse, ArmError> {
    let Asked { name, body } = asked;
    if before.as_ref().is_some_and(|before| before.built_in) {
        let message =
            format!("The scope map '{name}' is defined by the system and is not changed.");
        return Err(ArmError::bad("SystemDefinedScopeMapUpdateDisallowed", message));
    }
    check_name(name)?;
    let properties = &body["properties"];
    let is_new = before.is_none();
    let created = jiff::Timestamp::now().to_string();
    let mut map = before.unwrap_or_else(|| ScopeMap {
        name: name.to_owned(),
        description: String::new(),
        actions: Vec::new(),
        created,
        built_in: false,
    });
    if let Some(description) = properties["description"].as_str() {
        description.clone_into(&mut map.description);
    }
    if let Some(actions) = properties["actions"].as_array() {
        map.actions = actions.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    let is_gateway = |action: &&String| action.starts_with("gateway/");
    if let Some(wrong) = map.actions.iter().find(|it| grant(it).is_none() && !is_gateway(it)) {
        let message = format!("The action '{wrong}' of the scope map is invalid.");
        return Err(ArmError::bad("InvalidScopeMapActions", message));
    }
    let shown = shown(arm, registry, &map);
    let key = name.to_ascii_lowercase();
    let change = arm.registries.accounts.change_scope_tokens(&registry.host, |own| {
        own.maps.insert(key, map);
    });
    change.map_err(|error| ArmError::broken(&error))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(ArmResponse::new(status, shown))
}

/// Scope maps and tokens have the same rule.
pub fn check_name(name: &str) -> Result<(), ArmError> {
    let is_good = (5..=50).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_good {
        return Ok(());
    }
    let message = format!(
        "The name '{name}' is invalid. It may contain alpha numeric characters, '-' and '_', and \
         must be between 5 and 50 characters."
    );
    Err(ArmError::bad("InvalidResourceName", message))
}

fn delete(arm: &Arm, registry: &AzureRegistry, name: &str) -> Result<ArmResponse, ArmError> {
    let own = arm.registries.accounts.scope_tokens(&registry.host);
    if let Some(token) = own.tokens.values().find(|it| it.scope_map.eq_ignore_ascii_case(name)) {
        let message = format!("The scope map '{name}' is used by the token '{}'.", token.name);
        return Err(ArmError::conflict("ScopeMapInUse", message));
    }
    let change = arm.registries.accounts.change_scope_tokens(&registry.host, |own| {
        own.maps.remove(&name.to_ascii_lowercase()).is_some()
    });
    let removed = change.map_err(|error| ArmError::broken(&error))?;
    let gone = removed == Some(true);
    Ok(ArmResponse::empty(if gone { StatusCode::OK } else { StatusCode::NO_CONTENT }))
}

fn missing(name: &str) -> ArmError {
    ArmError::missing("ResourceNotFound", format!("The scope map '{name}' was not found."))
}

fn shown(arm: &Arm, registry: &AzureRegistry, map: &ScopeMap) -> Value {
    let kind = if map.built_in { "SystemDefined" } else { "UserDefined" };
    json!({
        "type": KIND, "id": format!("{}/scopeMaps/{}", id_of(arm, registry), map.name),
        "name": map.name, "systemData": system_data(arm, &map.created, &map.created),
        "properties": {
            "description": map.description, "type": kind, "creationDate": map.created,
            "provisioningState": "Succeeded", "actions": map.actions,
        },
    })
}
