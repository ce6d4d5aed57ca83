//! Subscriptions, resource groups, providers, and the list of all resources.

use super::answer::{Answer, Refusal};
use super::path::ResourceId;
use super::request::Request;
use super::service::{Arm, no_such_route};
use super::store::ResourceGroup;
use super::{containers, registries};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

pub(super) async fn handle(arm: &Arm, request: &Request) -> Result<Answer, Refusal> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let get = request.method == Method::GET;
    match (&path.subscription, &path.resource_group, &path.provider, words.as_slice()) {
        (None, ..) if get => Ok(Answer::list(vec![subscription(arm)])),
        (Some(_), None, None, []) if get && !path.is_list => Ok(Answer::ok(subscription(arm))),
        (Some(_), None, None, []) if get => Ok(groups(arm)),
        (Some(_), None, None, ["resources"]) if get => Ok(resources(arm, request, None)),
        (Some(_), Some(group), None, ["resources"]) if get => {
            let group = find(arm, group)?.name;
            Ok(resources(arm, request, Some(&group)))
        }
        (Some(_), None, Some(provider), [] | ["register"]) => {
            Ok(Answer::ok(provider_of(arm, provider)))
        }
        (Some(_), Some(group), None, []) => one(arm, request, group).await,
        _ => Err(no_such_route(&request.method, request.parameter("").unwrap_or_default())),
    }
}

fn subscription(arm: &Arm) -> Value {
    let identity = &arm.shared().identity;
    json!({
        "id": format!("/subscriptions/{}", identity.subscription_id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": identity.subscription_id,
        "tenantId": identity.tenant_id,
        "displayName": "Shipway local cloud",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

fn provider_of(arm: &Arm, provider: &str) -> Value {
    let subscription = &arm.shared().identity.subscription_id;
    json!({
        "id": format!("/subscriptions/{subscription}/providers/{provider}"),
        "namespace": provider,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [],
    })
}

/// A resource group by its name in any letter case.
pub(super) fn find(arm: &Arm, name: &str) -> Result<ResourceGroup, Refusal> {
    let found = arm.store().read().resource_groups.get(&name.to_ascii_lowercase()).cloned();
    found.ok_or_else(|| {
        let message = format!("Resource group '{name}' could not be found.");
        Refusal::missing("ResourceGroupNotFound", message)
    })
}

fn shown(arm: &Arm, group: &ResourceGroup) -> Value {
    let subscription = &arm.shared().identity.subscription_id;
    json!({
        "id": format!("/subscriptions/{subscription}/resourceGroups/{}", group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": { "provisioningState": "Succeeded" },
    })
}

fn groups(arm: &Arm) -> Answer {
    let all: Vec<ResourceGroup> = arm.store().read().resource_groups.values().cloned().collect();
    Answer::list(all.iter().map(|group| shown(arm, group)))
}

async fn one(arm: &Arm, request: &Request, name: &str) -> Result<Answer, Refusal> {
    match request.method {
        Method::GET => Ok(Answer::ok(shown(arm, &find(arm, name)?))),
        Method::HEAD => {
            let found = find(arm, name).is_ok();
            Ok(Answer::empty(if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }))
        }
        Method::PUT => put(arm, &request.json()?, name),
        Method::PATCH => {
            let tags = tags(&request.json()?);
            let mut group = find(arm, name)?;
            group.tags = tags.unwrap_or(group.tags);
            keep(arm, &group)?;
            Ok(Answer::ok(shown(arm, &group)))
        }
        Method::DELETE => {
            let group = find(arm, name)?;
            containers::delete_all(arm, &group.name).await?;
            registries::delete_all(arm, &group.name)?;
            let key = group.name.to_ascii_lowercase();
            let removed = arm.store().change(|content| drop(content.resource_groups.remove(&key)));
            removed.map_err(|error| Refusal::broken(&error))?;
            Ok(Answer::empty(StatusCode::OK))
        }
        _ => Err(no_such_route(&request.method, name)),
    }
}

fn put(arm: &Arm, body: &Value, name: &str) -> Result<Answer, Refusal> {
    let location =
        body["location"].as_str().filter(|location| !location.is_empty()).ok_or_else(|| {
            Refusal::bad(
                "LocationRequired",
                "The location property is required for this definition.",
            )
        })?;
    let location = normal_location(location);
    let before = find(arm, name).ok();
    if let Some(before) = before.as_ref().filter(|before| before.location != location) {
        let message = format!(
            "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
            before.location
        );
        return Err(Refusal::conflict("InvalidResourceGroupLocation", message));
    }
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let name = before.map_or_else(|| name.to_owned(), |before| before.name);
    let group = ResourceGroup { name, location, tags: tags(body).unwrap_or_default() };
    keep(arm, &group)?;
    Ok(Answer::new(status, shown(arm, &group)))
}

fn keep(arm: &Arm, group: &ResourceGroup) -> Result<(), Refusal> {
    let kept = arm.store().change(|content| {
        content.resource_groups.insert(group.name.to_ascii_lowercase(), group.clone());
    });
    kept.map_err(|error| Refusal::broken(&error))
}

/// `West Europe` and `westeurope` are one place.
pub(super) fn normal_location(location: &str) -> String {
    location.chars().filter(|char| !char.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

/// The tags of a body, if it has any.
pub(super) fn tags(body: &Value) -> Option<Map<String, Value>> {
    body["tags"].as_object().cloned()
}

/// All resources, or those of a type: `$filter=resourceType eq '…'`.
fn resources(arm: &Arm, request: &Request, group: Option<&str>) -> Answer {
    let filter = request.parameter("$filter").unwrap_or_default();
    let wanted = filter.split('\'').nth(1).filter(|_| filter.contains("resourceType"));
    let subscription = arm.shared().identity.subscription_id.as_str();
    let registries = arm.shared().accounts.list().into_iter().map(|registry| {
        let kind = registries::KIND;
        let (resource_group, name) = (registry.resource_group.as_str(), registry.name.as_str());
        let id = ResourceId { subscription, resource_group, kind, name };
        let value = json!({
            "id": id.to_string(), "name": name, "type": kind,
            "location": registries::location(arm, &registry), "sku": { "name": registry.sku, "tier": registry.sku },
        });
        (registry.resource_group.clone(), kind, value)
    });
    let containers = arm
        .store()
        .read()
        .container_groups
        .values()
        .map(|found| {
            let value = json!({
                "id": found.id, "name": found.name, "type": containers::KIND,
                "location": found.body["location"], "tags": found.body["tags"],
            });
            (found.resource_group.clone(), containers::KIND, value)
        })
        .collect::<Vec<_>>();
    let all = registries.chain(containers);
    let meant = all.filter(|(within, kind, _)| {
        group.is_none_or(|group| group.eq_ignore_ascii_case(within))
            && wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind))
    });
    Answer::list(meant.map(|(_, _, value)| value))
}
