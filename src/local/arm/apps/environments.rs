//! Environments. They are made at once.

use super::super::handle::Arm;
use super::super::path::ResourceId;
use super::super::request::ArmRequest;
use super::super::resource_groups;
use super::super::response::{ASYNC_OPERATION, ArmError, ArmResponse};
use super::super::store::{AppEnvironment, Resources};
use super::records::key;
use crate::local::identity::random_uuid;
use crate::local::initial_state::InitialState;
use crate::oci::Digest;
use crate::value::normal_region;
use http::{Method, StatusCode};
use serde_json::{Value, json};

pub const KIND: &str = "Microsoft.App/managedEnvironments";

/// Adds the environments of the initial state.
pub fn add_initial(content: &mut Resources, initial: &InitialState, subscription: &str) {
    for environment in &initial.app_environments {
        let key = key(&environment.resource_group, &environment.name);
        content.app_environments.entry(key).or_insert_with(|| {
            made(
                subscription,
                &environment.resource_group,
                &environment.name,
                &environment.location,
            )
        });
    }
}

fn made(subscription: &str, group: &str, name: &str, location: &str) -> AppEnvironment {
    let id = ResourceId { subscription, resource_group: group, kind: KIND, name }.to_string();
    let location = normal_region(location);
    let hash = Digest::of(id.to_ascii_lowercase().as_bytes());
    let domain = format!("local-{}.{location}.azurecontainerapps.io", &hash.hex()[..8]);
    AppEnvironment { id, name: name.to_owned(), resource_group: group.to_owned(), location, domain }
}

/// An environment by its id.
pub fn by_id(arm: &Arm, id: &str) -> Option<AppEnvironment> {
    let content = arm.store.read();
    content.app_environments.values().find(|it| it.id.eq_ignore_ascii_case(id)).cloned()
}

pub fn list(arm: &Arm, group: Option<&str>) -> Result<ArmResponse, ArmError> {
    let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
    let content = arm.store.read();
    let all = content.app_environments.values().filter(|found| {
        group.as_ref().is_none_or(|group| group.name.eq_ignore_ascii_case(&found.resource_group))
    });
    Ok(ArmResponse::list(all.map(shown)))
}

pub fn one(arm: &Arm, request: &ArmRequest, group: &str) -> Result<ArmResponse, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    let name = &request.path.rest[1];
    let key = key(&group, name);
    let found = arm.store.read().app_environments.get(&key).cloned();
    let missing = || {
        let message = format!(
            "The Resource '{KIND}/{name}' under resource group '{group}' was not found. For more \
             details please go to https://aka.ms/ARMResourceNotFoundFix"
        );
        ArmError::missing("ResourceNotFound", message)
    };
    match request.method {
        Method::GET => Ok(ArmResponse::ok(shown(&found.ok_or_else(missing)?))),
        Method::PUT => put(arm, request, &group, name, found),
        Method::DELETE => {
            let Some(found) = found else { return Ok(ArmResponse::empty(StatusCode::NO_CONTENT)) };
            let is_used = arm.store.read().apps.values().any(|app| app.environment == found.id);
            if is_used {
                let message = format!("The environment '{name}' has apps and cannot be deleted.");
                return Err(ArmError::conflict("ManagedEnvironmentHasContainerApps", message));
            }
            let removed = arm.store.change(|content| drop(content.app_environments.remove(&key)));
            removed.map_err(|error| ArmError::broken(&error))?;
            Ok(ArmResponse::empty(StatusCode::OK))
        }
        _ => Err(request.no_such_route()),
    }
}

fn put(
    arm: &Arm,
    request: &ArmRequest,
    group: &str,
    name: &str,
    before: Option<AppEnvironment>,
) -> Result<ArmResponse, ArmError> {
    let body = request.json()?;
    let location = body["location"].as_str().unwrap_or_default();
    let location = resource_groups::location(location, KIND)?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let subscription = &arm.identity().subscription_id;
    let environment = before.unwrap_or_else(|| made(subscription, group, name, &location));
    let key = key(group, name);
    let kept = arm.store.change(|content| {
        content.app_environments.insert(key, environment.clone());
    });
    kept.map_err(|error| ArmError::broken(&error))?;
    let operation = format!(
        "https://{}/subscriptions/{subscription}/providers/Microsoft.App/locations/{}/\
         managedEnvironmentOperationStatuses/{}?api-version=2025-01-01&azureAsyncOperation=true",
        request.host,
        environment.location,
        random_uuid()
    );
    Ok(ArmResponse::new(status, shown(&environment)).with(ASYNC_OPERATION, &operation))
}

fn shown(environment: &AppEnvironment) -> Value {
    json!({
        "id": environment.id, "name": environment.name, "type": KIND,
        "location": environment.location,
        "properties": {
            "provisioningState": "Succeeded",
            "defaultDomain": environment.domain,
            "staticIp": "203.0.113.250",
            "appLogsConfiguration": { "destination": null, "logAnalyticsConfiguration": null },
            "workloadProfiles":
                [{ "name": "Consumption", "workloadProfileType": "Consumption" }],
        },
    })
}
