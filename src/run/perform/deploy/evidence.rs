//! What a deployed group shows of itself when it does not answer.

use crate::azure::container_instances::GroupId;
use crate::run::outcome::StepError;
use crate::run::perform::performer::{Job, Performer};

/// The last lines of a log that are shown.
const LINES: u32 = 20;

/// Adds the state of the service's group and the last lines of its log to why
/// it does not answer. What cannot be had is left out: it is not the matter.
pub(in crate::run::perform) async fn with_signs_of_life(
    performer: &Performer,
    job: &Job,
    trouble: StepError,
) -> StepError {
    let deployed = job.handover.deployed.as_ref();
    let Some(id) = deployed.and_then(|deployed| GroupId::parse(&deployed.resource_id)) else {
        return trouble;
    };
    let instances = &performer.clients.instances;
    let Ok(Some(group)) = instances.find(&id).await else { return trouble };
    let mut lines = vec![format!("container group `{}`: {}", id.name, group.state())];
    for event in group.events() {
        lines.push(format!("event {}: {}", event.name, event.message));
    }
    for container in &group.properties.containers {
        let Ok(log) = instances.logs(&id, &container.name, LINES).await else { continue };
        if log.trim().is_empty() {
            lines.push(format!("container `{}` wrote nothing", container.name));
            continue;
        }
        lines.push(format!("last lines of container `{}`:", container.name));
        lines.extend(log.lines().map(|line| format!("  {line}")));
    }
    trouble.details(lines)
}
