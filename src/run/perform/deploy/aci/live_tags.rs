//! The tags of a group that is deployed, changed without a deploy.

use crate::azure::container_instances::{Group, GroupId};
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::performer::Performer;
use std::collections::BTreeMap;

/// Changes the tags of a group that exists. `change` returns whether there is something
/// to change. They are read first, since a PATCH replaces all of them.
pub async fn change_tags(
    performer: &Performer,
    target: &TargetId,
    change: impl FnOnce(&Group, &mut BTreeMap<String, String>) -> bool,
) -> Result<(), StepError> {
    let Some(id) = GroupId::parse(target.as_str()) else { return Ok(()) };
    let client = &performer.services.clients.azure.container_instances;
    let Some(group) = client.find(&id).await? else { return Ok(()) };
    let mut tags = group.tags.clone();
    if change(&group, &mut tags) { Ok(client.set_tags(&id, &tags).await?) } else { Ok(()) }
}
