//! What a container group shows of itself when it does not answer.

use crate::azure::container_instances::GroupId;
use crate::journal::Deployed;
use crate::run::perform::performer::Performer;

/// How many of a log's last lines are shown.
const MAX_LOG_LINES: u32 = 20;

/// The group's state and events, and the last lines of each container's log. A
/// log that cannot be read is left out.
pub async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<Vec<String>> {
    let id = GroupId::parse(deployed.target.as_str())?;
    let client = &performer.services.clients.container_instances;
    let group = client.find(&id).await.ok()??;
    let mut lines = vec![format!("container group `{}`: {}", id.name, group.state())];
    for event in group.events() {
        lines.push(format!("event {}: {}", event.name, event.message));
    }
    for container in &group.properties.containers {
        let Ok(log) = client.logs(&id, &container.name, MAX_LOG_LINES).await else { continue };
        if log.trim().is_empty() {
            lines.push(format!("container `{}` wrote nothing", container.name));
            continue;
        }
        lines.push(format!("last lines of container `{}`:", container.name));
        lines.extend(log.lines().map(|line| format!("  {line}")));
    }
    Some(lines)
}
