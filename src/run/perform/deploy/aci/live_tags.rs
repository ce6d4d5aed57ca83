//! A group of which the id alone is known: its state, and its tags, changed without a deploy.

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
    let Some(group) = find(performer, target).await? else { return Ok(()) };
    let mut tags = group.tags.clone();
    if !change(&group, &mut tags) {
        return Ok(());
    }
    let client = &performer.services.clients.azure.container_instances;
    Ok(client.set_tags(&id, &tags).await?)
}

/// The group as it is now, if it exists.
pub async fn find(performer: &Performer, target: &TargetId) -> Result<Option<Group>, StepError> {
    let Some(id) = GroupId::parse(target.as_str()) else { return Ok(None) };
    Ok(performer.services.clients.azure.container_instances.find(&id).await?)
}
