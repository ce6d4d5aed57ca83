//! `registries/R/tokens`, and the passwords by which they log in.

use super::super::handle::Arm;
use super::super::request::ArmRequest;
use super::super::response::{ArmError, ArmResponse};
use super::super::system_data::system_data;
use super::records::id_of;
use super::scope_maps::check_name;
use crate::local::initial_state::AzureRegistry;
use crate::local::registry::{ScopeToken, TokenPassword, new_password};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KIND: &str = "Microsoft.ContainerRegistry/registries/tokens";
const PASSWORDS: [&str; 2] = ["password1", "password2"];

pub fn handle(
    arm: &Arm,
    request: &ArmRequest,
    registry: &AzureRegistry,
) -> Result<ArmResponse, ArmError> {
    let own = arm.registries.accounts.scope_tokens(&registry.host);
    let found = |name: &str| own.tokens.get(&name.to_ascii_lowercase()).cloned();
    match (&request.method, request.path.rest.get(3), request.path.rest.len()) {
        (&Method::GET, None, _) => {
            Ok(ArmResponse::list(own.tokens.values().map(|token| shown(arm, registry, token))))
        }
        (&Method::GET, Some(name), 4) => {
            let token = found(name).ok_or_else(|| missing(name))?;
            Ok(ArmResponse::ok(shown(arm, registry, &token)))
        }
        (&Method::PUT, Some(name), 4) => put(arm, registry, found(name), name, &request.json()?),
        (&Method::PATCH, Some(name), 4) => {
            let before = found(name).ok_or_else(|| missing(name))?;
            put(arm, registry, Some(before), name, &request.json()?)
        }
        (&Method::DELETE, Some(name), 4) => {
            let change = arm.registries.accounts.change_scope_tokens(&registry.host, |own| {
                own.tokens.remove(&name.to_ascii_lowercase()).is_some()
            });
            let gone = change.map_err(|error| ArmError::broken(&error))? == Some(true);
            Ok(ArmResponse::empty(if gone { StatusCode::OK } else { StatusCode::NO_CONTENT }))
        }
        _ => Err(request.no_such_route()),
    }
}

fn put(
    arm: &Arm,
    registry: &AzureRegistry,
    before: Option<ScopeToken>,
    name: &str,
    body: &Value,
) -> Result<ArmResponse, ArmError> {
    check_name(name)?;
    let properties = &body["properties"];
    let is_new = before.is_none();
    let mut token = before.unwrap_or_else(|| ScopeToken {
        name: name.to_owned(),
        scope_map: String::new(),
        enabled: true,
        created: Timestamp::now().to_string(),
        passwords: BTreeMap::new(),
    });
    if let Some(id) = properties["scopeMapId"].as_str() {
        id.rsplit('/').next().unwrap_or_default().clone_into(&mut token.scope_map);
    }
    if let Some(status) = properties["status"].as_str() {
        token.enabled = status != "disabled";
    }
    let accounts = &arm.registries.accounts;
    let known = accounts.scope_tokens(&registry.host).map(&token.scope_map);
    if known.is_none() {
        let message = format!("The scope map '{}' of the token was not found.", token.scope_map);
        return Err(ArmError::bad("ScopeMapNotFound", message));
    }
    let shown = shown(arm, registry, &token);
    keep(arm, registry, token)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(ArmResponse::new(status, shown))
}

fn keep(arm: &Arm, registry: &AzureRegistry, token: ScopeToken) -> Result<(), ArmError> {
    let key = token.name.to_ascii_lowercase();
    let change = arm.registries.accounts.change_scope_tokens(&registry.host, |own| {
        own.tokens.insert(key, token);
    });
    change.map(drop).map_err(|error| ArmError::broken(&error))
}

/// `generateCredentials`: new passwords of a token, which are shown this once.
pub fn generate_credentials(
    arm: &Arm,
    body: &Value,
    registry: &AzureRegistry,
) -> Result<ArmResponse, ArmError> {
    let id = body["tokenId"].as_str().unwrap_or_default();
    let name = id.rsplit('/').next().unwrap_or_default();
    let own = arm.registries.accounts.scope_tokens(&registry.host);
    let found = own.tokens.get(&name.to_ascii_lowercase()).cloned();
    let mut token = found.ok_or_else(|| missing(name))?;
    let expiry = match body["expiry"].as_str() {
        None => None,
        Some(text) => Some(text.parse::<Timestamp>().map_err(|_| {
            let message = format!("The value '{text}' of 'expiry' is no time.");
            ArmError::bad("InvalidRequestContent", message)
        })?),
    };
    let which: Vec<&str> = match body["name"].as_str() {
        None => PASSWORDS.to_vec(),
        Some(one) if PASSWORDS.contains(&one) => vec![one],
        Some(other) => {
            let message = format!("The password '{other}' is neither password1 nor password2.");
            return Err(ArmError::bad("InvalidRequestContent", message));
        }
    };
    for name in which {
        token.passwords.insert(name.to_owned(), new_password(expiry));
    }
    let passwords = token.passwords.iter().map(|(name, password)| {
        let mut shown = shown_password(name, password);
        shown["value"] = json!(password.value.expose());
        shown
    });
    let answer = json!({ "username": token.name, "passwords": passwords.collect::<Vec<_>>() });
    keep(arm, registry, token)?;
    Ok(ArmResponse::ok(answer))
}

fn missing(name: &str) -> ArmError {
    ArmError::missing("ResourceNotFound", format!("The token '{name}' was not found."))
}

/// Without its value.
fn shown_password(name: &str, password: &TokenPassword) -> Value {
    let mut shown = json!({ "name": name, "creationTime": password.created });
    let expiry = password.expiry.and_then(|at| Timestamp::from_second(at).ok());
    if let Some(expiry) = expiry {
        shown["expiry"] = json!(expiry.to_string());
    }
    shown
}

fn shown(arm: &Arm, registry: &AzureRegistry, token: &ScopeToken) -> Value {
    let registry_id = id_of(arm, registry);
    let passwords = token.passwords.iter().map(|(name, password)| shown_password(name, password));
    json!({
        "type": KIND, "id": format!("{registry_id}/tokens/{}", token.name), "name": token.name,
        "systemData": system_data(arm, &token.created, &token.created),
        "properties": {
            "creationDate": token.created,
            "scopeMapId": format!("{registry_id}/scopeMaps/{}", token.scope_map),
            "provisioningState": "Succeeded",
            "status": if token.enabled { "enabled" } else { "disabled" },
            "credentials": { "certificates": [], "passwords": passwords.collect::<Vec<_>>() },
        },
    })
}
