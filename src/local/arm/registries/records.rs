//! Finding registries.

use super::super::handle::Arm;
use super::super::path::ResourceId;
use super::super::resource_groups;
use super::super::response::ArmError;
use crate::local::initial_state::AzureRegistry;

pub const KIND: &str = "Microsoft.ContainerRegistry/registries";

pub fn id_of(arm: &Arm, registry: &AzureRegistry) -> String {
    let subscription = arm.identity().subscription_id.as_str();
    let (resource_group, name) = (registry.resource_group.as_str(), registry.name.as_str());
    ResourceId { subscription, resource_group, kind: KIND, name }.to_string()
}

/// The resource id of the registry with this login server, as role assignments name it.
pub fn scope_of(arm: &Arm, host: &str) -> Option<String> {
    let all = arm.registries.accounts.list();
    let registry = all.into_iter().find(|registry| registry.host.eq_ignore_ascii_case(host))?;
    Some(id_of(arm, &registry))
}

pub fn by_id(arm: &Arm, id: &str) -> Option<AzureRegistry> {
    let all = arm.registries.accounts.list();
    all.into_iter().find(|registry| id_of(arm, registry).eq_ignore_ascii_case(id))
}

/// Its own location, or that of its resource group.
pub fn location(arm: &Arm, registry: &AzureRegistry) -> String {
    if !registry.location.is_empty() {
        return registry.location.clone();
    }
    let group = resource_groups::find(arm, &registry.resource_group);
    group.map_or_else(|_| "westeurope".to_owned(), |group| group.location)
}

pub fn by_name(arm: &Arm, name: &str) -> Option<AzureRegistry> {
    arm.registries
        .accounts
        .list()
        .into_iter()
        .find(|registry| registry.name.eq_ignore_ascii_case(name))
}

pub fn find(arm: &Arm, group: &str, name: &str) -> Result<AzureRegistry, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    let found =
        by_name(arm, name).filter(|found| found.resource_group.eq_ignore_ascii_case(&group));
    found.ok_or_else(|| {
        let message =
            format!("The Resource '{KIND}/{name}' under resource group '{group}' was not found.");
        ArmError::missing("ResourceNotFound", message)
    })
}
