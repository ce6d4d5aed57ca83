//! The list of all resources of a subscription or resource group.

use super::handle::Arm;
use super::path::ResourceId;
use super::request::ArmRequest;
use super::response::{ArmError, ArmResponse};
use super::{apps, containers, identities, registries, resource_groups, vaults};
use serde_json::json;

/// All resources, or those of a type: `$filter=resourceType eq '…'`.
pub fn list(arm: &Arm, request: &ArmRequest, group: Option<&str>) -> Result<ArmResponse, ArmError> {
    let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
    let filter = request.parameter("$filter").unwrap_or_default();
    let wanted = filter.split('\'').nth(1).filter(|_| filter.contains("resourceType"));
    let subscription = arm.identity().subscription_id.as_str();
    let registries = arm.registries.accounts.list().into_iter().map(|registry| {
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
        .store
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
    let of_apps = arm
        .store
        .read()
        .apps
        .values()
        .map(|app| {
            let value = json!({
                "id": app.id, "name": app.name, "type": apps::KIND,
                "location": app.location, "tags": app.body["tags"],
            });
            (app.resource_group.clone(), apps::KIND, value)
        })
        .collect::<Vec<_>>();
    let vaults = vaults::all(arm).into_iter().map(|vault| {
        let value = json!({
            "id": vaults::shown(arm, &vault)["id"], "name": vault.name, "type": vaults::KIND,
            "location": vault.location, "tags": vault.tags,
        });
        (vault.resource_group, vaults::KIND, value)
    });
    let identities = arm.access.directory.all().into_iter().map(|identity| {
        let value = json!({
            "id": identity.id, "name": identity.name, "type": identities::KIND,
            "location": identity.location, "tags": identity.tags,
        });
        (identity.resource_group, identities::KIND, value)
    });
    let all = registries.chain(containers).chain(of_apps).chain(vaults.collect::<Vec<_>>());
    let all = all.chain(identities);
    let meant = all.filter(|(within, kind, _)| {
        group.as_ref().is_none_or(|group| group.name.eq_ignore_ascii_case(within))
            && wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind))
    });
    Ok(ArmResponse::list(meant.map(|(_, _, value)| value)))
}
