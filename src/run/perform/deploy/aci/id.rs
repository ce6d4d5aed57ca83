//! Which container group a step deploys.

use super::group::ContainerGroup;
use crate::azure::container_instances::GroupId;
use crate::journal::TargetId;
use crate::plan::expr::Scope;
use crate::run::outcome::StepError;
use crate::run::perform::names::name;

/// The group's id.
pub async fn id(group: &ContainerGroup<'_>, scope: &Scope) -> Result<GroupId, StepError> {
    let settings = group.settings(scope);
    Ok(GroupId {
        name: group_name(group, scope)?,
        subscription: settings.subscription().await?,
        resource_group: settings.resource_group(group.keys.resource_group.as_ref())?,
    })
}

/// The group as people call it.
pub fn name_of(target: &TargetId) -> String {
    let name = GroupId::parse(target.as_str()).map(|id| id.name).unwrap_or_default();
    format!("container group `{name}`")
}

/// The group's name: `name`, else the DNS label, else plan and service.
pub fn group_name(group: &ContainerGroup<'_>, scope: &Scope) -> Result<String, StepError> {
    let named = group.keys.name.as_ref().or(group.keys.dns_label.as_ref());
    let named = named.map(|text| name(text, "container group's name", scope)).transpose()?;
    Ok(named.unwrap_or_else(|| default_name(group)))
}

/// The name of a group for which the plan gives none.
pub fn default_name(group: &ContainerGroup<'_>) -> String {
    let plan = &group.performer.plan;
    let name = crate::value::slug(&plan.parsed.name.value);
    if plan.parsed.services.is_single {
        return name;
    }
    format!("{name}-{}", crate::value::slug(&plan.service_name(group.service)))
}
