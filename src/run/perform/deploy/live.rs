//! What the run does with a deployed resource of which it has the id alone: after a
//! `deploy`, `verify` and the renewal of leases know no more. A second target is told
//! apart here, by the form of the id.

use super::aci;
use crate::azure::container_instances::Group;
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::performer::Performer;
use std::collections::BTreeMap;

/// A deployed resource as the cloud reports it.
pub type LiveResource = Group;

/// The resource as people call it.
pub fn name_of(target: &TargetId) -> String {
    aci::name_of(target)
}

/// Changes the tags of a resource that exists. `change` returns whether there is something
/// to change.
pub async fn change_tags(
    performer: &Performer,
    target: &TargetId,
    change: impl FnOnce(&LiveResource, &mut BTreeMap<String, String>) -> bool,
) -> Result<(), StepError> {
    aci::change_tags(performer, target, change).await
}

/// Whether a container of the resource does not stay up in this run.
pub fn is_broken(performer: &Performer, live: &LiveResource) -> bool {
    aci::is_broken(performer, live)
}

/// The error of a resource of which a container does not stay up.
pub async fn broken(performer: &Performer, live: &LiveResource) -> Result<(), StepError> {
    aci::broken(performer, live).await
}

/// Fails if a container of the resource does not stay up. A resource that was removed since,
/// such as by a program of the user's, is not looked at.
pub async fn require_running(performer: &Performer, target: &TargetId) -> Result<(), StepError> {
    match aci::find(performer, target).await? {
        Some(live) if aci::is_broken(performer, &live) => aci::broken(performer, &live).await,
        Some(_) | None => Ok(()),
    }
}
