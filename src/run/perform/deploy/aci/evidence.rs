//! What a container group shows of itself when it does not work.

use crate::azure::container_instances::GroupId;
use crate::journal::Deployed;
use crate::run::perform::deploy::evidence::ResourceEvidence;
use crate::run::perform::performer::Performer;

/// The group's state and events, and the last lines of each container's log.
pub async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence> {
    let id = GroupId::parse(deployed.target.as_str())?;
    let client = &performer.services.clients.container_instances;
    let found = client.inspect(&id).await.ok()??;
    Some(ResourceEvidence {
        lines: found.lines(),
        cause: found.not_running(),
        help: found.remedy(),
        images: found.group.images().map(str::to_owned).collect(),
    })
}
