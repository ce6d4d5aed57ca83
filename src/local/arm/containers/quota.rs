//! The quotas of a region, and their use. Every group counts as one core.

use crate::local::arm::handle::Arm;
use crate::local::arm::response::{ArmError, ArmResponse};
use crate::local::arm::store::ContainerGroup;
use crate::value::normal_region;
use serde_json::json;

/// `locations/REGION/usages`.
pub fn usages(arm: &Arm, region: &str) -> ArmResponse {
    let groups = used(arm, region);
    let usage = |name: &str, shown: &str| {
        json!({
            "unit": "Count", "currentValue": groups, "limit": arm.access.group_quota,
            "name": { "value": name, "localizedValue": shown },
        })
    };
    ArmResponse::list(vec![
        usage("ContainerGroups", "Container Groups"),
        usage("StandardCores", "Standard Cores"),
    ])
}

/// Refuses a group that its region has no room for.
pub fn check(arm: &Arm, new: &ContainerGroup) -> Result<(), ArmError> {
    let region = new.body["location"].as_str().unwrap_or_default();
    let (used, limit) = (used(arm, region), arm.access.group_quota);
    if used < limit {
        return Ok(());
    }
    let message = format!(
        "Resource type 'Microsoft.ContainerInstance/containerGroups' container group quota \
         'ContainerGroups' exceeded in region '{}'. Limit: '{limit}', Usage: '{used}' Requested: '1'.",
        normal_region(region)
    );
    Err(ArmError::conflict("ContainerGroupQuotaReached", message))
}

fn used(arm: &Arm, region: &str) -> usize {
    let is_there = |group: &&ContainerGroup| {
        let own = group.body["location"].as_str().unwrap_or_default();
        normal_region(own) == normal_region(region)
    };
    arm.store.read().container_groups.values().filter(is_there).count()
}
