//! Subscriptions, resource groups and resource providers.

use super::handle::Arm;
use super::providers;
use super::request::ArmRequest;
use super::response::{ArmError, ArmResponse};
use super::store::ResourceGroup;
use super::tags;
use crate::value::{REGIONS, RegionName, normal_region};
use http::{Method, StatusCode};
use serde_json::{Value, json};

pub fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let get = request.method == Method::GET;
    match (&path.subscription, &path.resource_group, &path.provider, words.as_slice()) {
        (None, ..) if get => Ok(ArmResponse::list(vec![subscription(arm)])),
        (Some(_), None, None, []) if get && !path.is_list => Ok(ArmResponse::ok(subscription(arm))),
        (Some(_), None, None, []) if get && is_provider_list(request) => Ok(providers::list(arm)),
        (Some(_), None, None, []) if get => Ok(groups(arm)),
        (Some(_), None, None, ["locations"]) if get => Ok(locations(arm)),
        (Some(_), None, Some(provider), []) if get => providers::shown(arm, provider),
        (Some(_), None, Some(provider), ["register"]) => {
            arm.access.register(provider);
            providers::shown(arm, provider)
        }
        (Some(_), Some(group), None, []) => one(arm, request, group),
        _ => Err(request.no_such_route()),
    }
}

fn is_provider_list(request: &ArmRequest) -> bool {
    request.raw_path.trim_end_matches('/').to_ascii_lowercase().ends_with("/providers")
}

fn subscription(arm: &Arm) -> Value {
    let identity = arm.identity();
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

/// The regions, under their own names: what Azure calls them in its portal is not known here.
fn locations(arm: &Arm) -> ArmResponse {
    let subscription = &arm.identity().subscription_id;
    ArmResponse::list(REGIONS.map(|name| {
        json!({
            "id": format!("/subscriptions/{subscription}/locations/{name}"), "name": name,
            "type": "Region", "displayName": name, "regionalDisplayName": name,
        })
    }))
}

/// A resource group by name, ignoring case.
pub fn find(arm: &Arm, name: &str) -> Result<ResourceGroup, ArmError> {
    let found = arm.store.read().resource_groups.get(&name.to_ascii_lowercase()).cloned();
    found.ok_or_else(|| {
        let message = format!("Resource group '{name}' could not be found.");
        ArmError::missing("ResourceGroupNotFound", message)
    })
}

fn shown(arm: &Arm, group: &ResourceGroup) -> Value {
    let subscription = &arm.identity().subscription_id;
    json!({
        "id": format!("/subscriptions/{subscription}/resourceGroups/{}", group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": { "provisioningState": "Succeeded" },
    })
}

fn groups(arm: &Arm) -> ArmResponse {
    let all: Vec<ResourceGroup> = arm.store.read().resource_groups.values().cloned().collect();
    ArmResponse::list(all.iter().map(|group| shown(arm, group)))
}

fn one(arm: &Arm, request: &ArmRequest, name: &str) -> Result<ArmResponse, ArmError> {
    match request.method {
        Method::GET => Ok(ArmResponse::ok(shown(arm, &find(arm, name)?))),
        Method::HEAD => {
            let found = find(arm, name).is_ok();
            Ok(ArmResponse::empty(if found {
                StatusCode::NO_CONTENT
            } else {
                StatusCode::NOT_FOUND
            }))
        }
        Method::PUT => put(arm, &request.json()?, name),
        Method::PATCH => {
            let tags = tags::of(&request.json()?)?;
            let mut group = find(arm, name)?;
            group.tags = tags.unwrap_or(group.tags);
            keep(arm, &group)?;
            Ok(ArmResponse::ok(shown(arm, &group)))
        }
        _ => Err(ArmError::no_such_route(&request.method, name)),
    }
}

/// Deletes the group itself. Its resources must have been deleted before.
pub fn delete(arm: &Arm, group: &ResourceGroup) -> Result<ArmResponse, ArmError> {
    let key = group.name.to_ascii_lowercase();
    let removed = arm.store.change(|content| drop(content.resource_groups.remove(&key)));
    removed.map_err(|error| ArmError::broken(&error))?;
    Ok(ArmResponse::empty(StatusCode::OK))
}

/// The location that a definition names, which it has to.
pub fn given_location(body: &Value) -> Result<&str, ArmError> {
    let given = body["location"].as_str().filter(|location| !location.is_empty());
    given.ok_or_else(|| {
        let message = "The location property is required for this definition.";
        ArmError::bad("LocationRequired", message)
    })
}

/// The longest name of a resource group ("Naming rules and restrictions for Azure resources").
const MAX_NAME_CHARS: usize = 90;

/// The words for characters and lengths are those of reported errors; those for a `.` at the end
/// follow them.
fn check_name(name: &str) -> Result<(), ArmError> {
    let invalid = |what: String| {
        let message = format!("The provided resource group name '{name}' {what}");
        Err(ArmError::bad("InvalidResourceGroup", message))
    };
    let is_good = |letter: char| letter.is_alphanumeric() || "-._()".contains(letter);
    let wrong: String = name.chars().filter(|letter| !is_good(*letter)).collect();
    if !wrong.is_empty() {
        return invalid(format!(
            "has these invalid characters: '{wrong}'. The name can only be a letter, digit, '-', \
             '.', '(', ')' or '_'."
        ));
    }
    let length = name.chars().count();
    if length > MAX_NAME_CHARS {
        return invalid(format!(
            "has a length of '{length}' which exceeds the maximum length of '{MAX_NAME_CHARS}'."
        ));
    }
    if name.ends_with('.') {
        return invalid("ends with '.', which is not allowed.".to_owned());
    }
    Ok(())
}

fn put(arm: &Arm, body: &Value, name: &str) -> Result<ArmResponse, ArmError> {
    check_name(name)?;
    let location = self::location(given_location(body)?, "Microsoft.Resources/resourceGroups")?;
    let before = find(arm, name).ok();
    if let Some(before) = before.as_ref().filter(|before| before.location != location) {
        let message = format!(
            "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
            before.location
        );
        return Err(ArmError::conflict("InvalidResourceGroupLocation", message));
    }
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let name = before.map_or_else(|| name.to_owned(), |before| before.name);
    let group = ResourceGroup { name, location, tags: tags::of(body)?.unwrap_or_default() };
    keep(arm, &group)?;
    Ok(ArmResponse::new(status, shown(arm, &group)))
}

fn keep(arm: &Arm, group: &ResourceGroup) -> Result<(), ArmError> {
    let kept = arm.store.change(|content| {
        content.resource_groups.insert(group.name.to_ascii_lowercase(), group.clone());
    });
    kept.map_err(|error| ArmError::broken(&error))
}

/// A location that a resource is created in. Azure treats `West Europe` and
/// `westeurope` as the same.
pub fn location(text: &str, resource_type: &str) -> Result<String, ArmError> {
    let location = normal_region(text);
    if RegionName::of(&location) != RegionName::Unknown {
        return Ok(location);
    }
    let message = format!(
        "The provided location '{location}' is not available for resource type '{resource_type}'. \
         List of available regions for the resource type is '{}'.",
        REGIONS.join(",")
    );
    Err(ArmError::bad("LocationNotAvailableForResourceType", message))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_as_azure_takes_them() {
        for name in ["a", "My-Group_(1).x", "grüße", &"a".repeat(90)] {
            check_name(name).expect(name);
        }
        let refused = |name: &str| {
            let error = check_name(name).expect_err(name);
            (error.code, error.message)
        };
        let code = "InvalidResourceGroup".to_owned();
        assert_eq!(
            refused("a/b c\0"),
            (
                code.clone(),
                "The provided resource group name 'a/b c\0' has these invalid characters: '/ \0'. The \
                 name can only be a letter, digit, '-', '.', '(', ')' or '_'."
                    .to_owned()
            )
        );
        assert_eq!(
            refused(".."),
            (
                code.clone(),
                "The provided resource group name '..' ends with '.', which is not allowed."
                    .to_owned()
            )
        );
        let long = "a".repeat(91);
        assert_eq!(
            refused(&long),
            (
                code,
                format!(
                    "The provided resource group name '{long}' has a length of '91' which exceeds \
                     the maximum length of '90'."
                )
            )
        );
    }
}
