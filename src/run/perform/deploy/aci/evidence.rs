//! What a container group shows of itself when it does not work.

use crate::azure::container_instances::{Group, GroupId};
use crate::journal::{Deployed, RunId};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::evidence::ResourceEvidence;
use crate::run::perform::performer::Performer;

/// The group's state and events, and the last lines of each container's log.
pub async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence> {
    let id = GroupId::parse(deployed.target.as_str())?;
    let client = &performer.services.clients.azure.container_instances;
    let found = client.inspect(&id).await.ok()??;
    Some(ResourceEvidence {
        lines: found.lines(),
        cause: found.not_running().or_else(|| found.restarted()),
        help: found.remedy(),
        images: found.group.images().map(str::to_owned).collect(),
    })
}

/// Whether a container of the group does not stay up in this run.
pub fn is_broken(performer: &Performer, live: &Group) -> bool {
    live.broken(RunId::existing(&performer.facts.id).began()).is_some()
}

/// The error of a group of which a container does not stay up.
pub async fn broken(performer: &Performer, live: &Group) -> Result<(), StepError> {
    match live.broken(RunId::existing(&performer.facts.id).began()) {
        Some(crash) => {
            let client = &performer.services.clients.azure.container_instances;
            Err(client.broken(live, crash).await.into())
        }
        None => Ok(()),
    }
}
