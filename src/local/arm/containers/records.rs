//! Finding and storing container groups.

use super::super::handle::Arm;
use super::super::resource_groups;
use super::super::response::ArmError;
use super::super::store::ContainerGroup;
use super::json::array;

pub const KIND: &str = "Microsoft.ContainerInstance/containerGroups";

/// The key of a group in the store, and its id in the runtime.
pub fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}").to_ascii_lowercase()
}

pub fn find(arm: &Arm, group: &str, name: &str) -> Result<ContainerGroup, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    let found = arm.store.read().container_groups.get(&key(&group, name)).cloned();
    found.ok_or_else(|| {
        // Resource Manager knows which groups there are, and does not ask the service.
        let message = format!(
            "The Resource '{KIND}/{name}' under resource group '{group}' was not found. For more \
             details please go to https://aka.ms/ARMResourceNotFoundFix"
        );
        ArmError::missing("ResourceNotFound", message)
    })
}

pub fn keep(arm: &Arm, found: &ContainerGroup) -> Result<(), ArmError> {
    let key = key(&found.resource_group, &found.name);
    let kept =
        arm.store.change(|content| drop(content.container_groups.insert(key, found.clone())));
    kept.map_err(|error| ArmError::broken(&error))
}

/// Refuses a container that the group does not have.
pub fn check_container(found: &ContainerGroup, container: &str) -> Result<(), ArmError> {
    let known = array(&found.body["properties"]["containers"])
        .iter()
        .chain(array(&found.body["properties"]["initContainers"]))
        .any(|known| known["name"] == *container);
    if known {
        return Ok(());
    }
    let message =
        format!("The container '{container}' was not found in container group '{}'.", found.name);
    Err(ArmError::missing("ContainerNotFound", message))
}
