//! Container registries as resources. Their accounts and content are in
//! `local::registry`.

mod import;
mod records;
mod scope_maps;
mod show;
mod tokens;

pub use records::{KIND, location, scope_of};

use super::builds;
use super::handle::Arm;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ASYNC_OPERATION, ArmError, ArmResponse};
use super::tags;
use crate::local::initial_state::AzureRegistry;
use crate::local::registry::AdminUser;
use http::{Method, StatusCode};
use records::{by_name, find};
use serde_json::{Map, Value, json};
use show::{shown, usages};
use std::sync::Arc;

pub async fn handle(arm: &Arc<Arm>, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let post = request.method == Method::POST;
    match (path.resource_group.as_deref(), words.as_slice()) {
        (None, ["checknameavailability"]) if post => Ok(check_name(arm, &request.json()?)),
        (group, ["registries"]) if request.method == Method::GET => list(arm, request, group),
        (Some(group), ["registries", _]) => one(arm, request, group, &path.rest[1]),
        (Some(group), ["registries", _, "listcredentials"]) if post => {
            let registry = find(arm, group, &path.rest[1])?;
            credentials(arm.registries.accounts.admin(&registry.host), &registry)
        }
        (Some(group), ["registries", _, "regeneratecredential"]) if post => {
            let registry = find(arm, group, &path.rest[1])?;
            let which = usize::from(request.json()?["name"] == "password2");
            let admin = arm.registries.accounts.renew(&registry.host, which);
            credentials(admin.map_err(|error| ArmError::broken(&error))?, &registry)
        }
        (Some(group), ["registries", _, "importimage"]) if post => {
            let registry = find(arm, group, &path.rest[1])?;
            import::import_image(arm, &request.json()?, &registry).await
        }
        (Some(group), ["registries", _, "listusages"]) => {
            let registry = find(arm, group, &path.rest[1])?;
            Ok(ArmResponse::list(usages(arm, &registry)))
        }
        (Some(group), ["registries", _, "operationstatuses", _]) => {
            find(arm, group, &path.rest[1])?;
            // As recorded, it names itself again.
            let version = request.api_version()?;
            let own = format!("https://{}{}?api-version={version}", request.host, request.raw_path);
            Ok(ArmResponse::ok(json!({ "status": "Succeeded" })).with(ASYNC_OPERATION, &own))
        }
        (Some(group), ["registries", _, "scopemaps", ..]) => {
            let registry = find(arm, group, &path.rest[1])?;
            scope_maps::handle(arm, request, &registry)
        }
        (Some(group), ["registries", _, "tokens", ..]) => {
            let registry = find(arm, group, &path.rest[1])?;
            tokens::handle(arm, request, &registry)
        }
        (Some(group), ["registries", _, "generatecredentials"]) if post => {
            let registry = find(arm, group, &path.rest[1])?;
            tokens::generate_credentials(arm, &request.json()?, &registry)
        }
        (Some(group), ["registries", _, rest @ ..]) => {
            let registry = find(arm, group, &path.rest[1])?;
            let answer = builds::handle(arm, request, &registry, rest);
            answer.unwrap_or_else(|| Err(request.no_such_route()))
        }
        _ => Err(request.no_such_route()),
    }
}

/// Deletes all registries of a resource group.
pub fn delete_all(arm: &Arm, group: &str) -> Result<(), ArmError> {
    let all = arm.registries.accounts.list();
    let mut within =
        all.into_iter().filter(|registry| registry.resource_group.eq_ignore_ascii_case(group));
    within.try_for_each(|registry| delete(arm, &registry))
}

fn delete(arm: &Arm, registry: &AzureRegistry) -> Result<(), ArmError> {
    let registries = &arm.registries;
    let accounts = registries.accounts.remove(&registry.host);
    accounts.map_err(|error| ArmError::broken(&error))?;
    let storage = registries.storage.remove(&registry.host, None);
    storage.map_err(|error| ArmError::broken(&error))?;
    let key = registry.name.to_ascii_lowercase();
    let notes = arm.store.change(|content| drop(content.registries.remove(&key)));
    notes.map_err(|error| ArmError::broken(&error))
}

fn check_name(arm: &Arm, body: &Value) -> ArmResponse {
    let name = body["name"].as_str().unwrap_or_default();
    if !is_name(name) {
        let message = "The specified resource name is invalid. It may contain alpha numeric characters only and must be between 5 and 50 characters.";
        return ArmResponse::ok(
            json!({ "nameAvailable": false, "reason": "Invalid", "message": message }),
        );
    }
    ArmResponse::ok(match by_name(arm, name) {
        None => json!({ "nameAvailable": true }),
        Some(_) => json!({
            "nameAvailable": false,
            "reason": "AlreadyExists",
            "message": format!("The registry {name} is already in use."),
        }),
    })
}

fn is_name(name: &str) -> bool {
    (5..=50).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn list(arm: &Arm, request: &ArmRequest, group: Option<&str>) -> Result<ArmResponse, ArmError> {
    let version = request.api_version()?;
    let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
    let all = arm.registries.accounts.list().into_iter().filter(|registry| {
        group.as_ref().is_none_or(|group| group.name.eq_ignore_ascii_case(&registry.resource_group))
    });
    Ok(ArmResponse::list(all.map(|registry| shown(arm, &registry, version))))
}

fn one(arm: &Arm, request: &ArmRequest, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    match request.method {
        Method::GET => {
            Ok(ArmResponse::ok(shown(arm, &find(arm, group, name)?, request.api_version()?)))
        }
        Method::PUT => put(arm, request, group, name),
        Method::PATCH => {
            let mut registry = find(arm, group, name)?;
            let body = request.json()?;
            change(&mut registry, &body);
            keep(arm, &registry, tags::of(&body)?, &body)?;
            Ok(ArmResponse::ok(shown(arm, &registry, request.api_version()?)))
        }
        Method::DELETE => match find(arm, group, name) {
            Ok(registry) => delete(arm, &registry).map(|()| ArmResponse::empty(StatusCode::OK)),
            Err(refusal) if refusal.code == "ResourceNotFound" => {
                Ok(ArmResponse::empty(StatusCode::NO_CONTENT))
            }
            Err(refusal) => Err(refusal),
        },
        _ => Err(ArmError::no_such_route(&request.method, name)),
    }
}

/// Applies the properties that PUT and PATCH may change.
fn change(registry: &mut AzureRegistry, body: &Value) {
    let properties = &body["properties"];
    if let Some(sku) = body["sku"]["name"].as_str() {
        sku.clone_into(&mut registry.sku);
    }
    if let Some(enabled) = properties["adminUserEnabled"].as_bool() {
        registry.admin_user = enabled;
    }
    if let Some(enabled) = properties["anonymousPullEnabled"].as_bool() {
        registry.anonymous_pull = enabled;
    }
}

fn put(arm: &Arm, request: &ArmRequest, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let group = resource_groups::find(arm, group)?;
    let body = request.json()?;
    check(&body, name)?;
    let before = by_name(arm, name);
    if let Some(before) =
        before.as_ref().filter(|before| !before.resource_group.eq_ignore_ascii_case(&group.name))
    {
        let message = format!("The registry DNS name {} is already in use.", before.host);
        return Err(ArmError::conflict("AlreadyInUse", message));
    }
    let is_new = before.is_none();
    let location = match body["location"].as_str() {
        Some(location) => resource_groups::location(location, KIND)?,
        None => String::new(),
    };
    let mut registry = before.unwrap_or_else(|| AzureRegistry {
        host: format!("{}.azurecr.io", name.to_ascii_lowercase()),
        name: name.to_owned(),
        resource_group: group.name.clone(),
        location,
        sku: String::new(),
        admin_user: false,
        anonymous_pull: false,
        users: Vec::new(),
    });
    change(&mut registry, &body);
    keep(arm, &registry, Some(tags::of(&body)?.unwrap_or_default()), &body)?;
    let version = request.api_version()?;
    let mut shown = shown(arm, &registry, version);
    if !is_new {
        return Ok(ArmResponse::ok(shown));
    }
    // The registry exists at once, but recordings show `Creating` and an operation.
    shown["properties"]["provisioningState"] = json!("Creating");
    let id = shown["id"].as_str().unwrap_or_default().to_owned();
    let uuid = crate::local::identity::random_uuid();
    let operation = format!(
        "https://{}{id}/operationStatuses/registries-{uuid}?api-version={version}",
        request.host
    );
    Ok(ArmResponse::new(StatusCode::CREATED, shown).with(ASYNC_OPERATION, &operation))
}

fn check(body: &Value, name: &str) -> Result<(), ArmError> {
    if !is_name(name) {
        let message = format!(
            "The registry name '{name}' is invalid. AzureRegistry names may contain alpha numeric characters only and must be between 5 and 50 characters."
        );
        return Err(ArmError::bad("InvalidRegistryName", message));
    }
    resource_groups::given_location(body)?;
    match body["sku"]["name"].as_str() {
        Some("Basic" | "Standard" | "Premium") => Ok(()),
        Some("Classic") => {
            Err(ArmError::bad("ClassicSkuDeprecated", "The Classic SKU is deprecated."))
        }
        Some(sku) => Err(ArmError::bad("InvalidSku", format!("The SKU '{sku}' is invalid."))),
        None => Err(ArmError::bad("MissingSku", "The property 'sku' is required.")),
    }
}

fn keep(
    arm: &Arm,
    registry: &AzureRegistry,
    tags: Option<Map<String, Value>>,
    body: &Value,
) -> Result<(), ArmError> {
    arm.registries.accounts.put(registry.clone()).map_err(|error| ArmError::broken(&error))?;
    let kept = arm.store.change(|content| {
        let notes = content.registries.entry(registry.name.to_ascii_lowercase()).or_default();
        let now = jiff::Timestamp::now().to_string();
        if notes.created.is_empty() {
            notes.created.clone_from(&now);
        }
        notes.modified = now;
        for (name, policy) in body["properties"]["policies"].as_object().into_iter().flatten() {
            notes.policies.insert(name.clone(), policy.clone());
        }
        if let Some(tags) = tags {
            notes.tags = tags;
        }
    });
    kept.map_err(|error| ArmError::broken(&error))
}

fn credentials(
    admin: Option<AdminUser>,
    registry: &AzureRegistry,
) -> Result<ArmResponse, ArmError> {
    let Some(admin) = admin else {
        let message = format!(
            "Cannot perform credential operations for registry '{}' as admin user is disabled. Kindly enable the admin user and try again.",
            registry.name
        );
        return Err(ArmError::bad("UnAuthorizedForCredentialOperations", message));
    };
    let [first, second] = &admin.passwords;
    Ok(ArmResponse::ok(json!({
        "username": admin.username,
        "passwords": [
            { "name": "password", "value": first.expose() },
            { "name": "password2", "value": second.expose() },
        ],
    })))
}
