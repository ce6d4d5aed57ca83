//! What a run that failed has left up, and the command that puts back what ran before.

use crate::cli::session::connections::Connections;
use crate::cli::session::run::RunSession;
use crate::cli::targets::{Target, Targets};
use crate::event::{Revision, ServiceResult, Status};
use crate::plan::schema::Step;
use crate::run::perform::{DeployedResource, DeployedRevision};
use std::time::Duration;

/// The end of the run waits for this.
const MAX_TIME: Duration = Duration::from_secs(10);

/// One note for each service whose deploy was begun and not rolled back. Empty where Azure
/// does not answer: the run has failed for another reason.
pub async fn left_up(
    run: &RunSession,
    connections: &Connections,
    services: &[ServiceResult],
) -> Vec<String> {
    let failed: Vec<&ServiceResult> =
        services.iter().filter(|service| may_be_left(run, service)).collect();
    // A restart has changed nothing that could be put back.
    if failed.is_empty() || run.session.options.restarted().is_some() {
        return Vec::new();
    }
    let targets = Targets::new(&run.session, connections);
    let listed = tokio::time::timeout(MAX_TIME, targets.listed_in_environment()).await;
    let Ok(Ok(listed)) = listed else { return Vec::new() };
    let own = run.folder.run.to_string();
    let plan = &run.session.plan.name.value;
    let notes = failed.into_iter().filter_map(|service| {
        let name = if service.name.is_empty() { plan } else { &service.name };
        let (target, resource) = listed.iter().find(|(target, _)| target.tags.service == *name)?;
        note(target, resource, &own)
    });
    notes.collect()
}

/// Whether the service has failed at its deploy or after it, and nothing was rolled back.
fn may_be_left(run: &RunSession, service: &ServiceResult) -> bool {
    let Some((step, _)) = service.failure.as_ref().filter(|_| service.status == Status::Failed)
    else {
        return false;
    };
    let deploys = |step: &Step| step.action.azure_deploy().is_some();
    let planned = run.session.plan.services.iter().find(|(name, _)| name.value == service.name);
    let planned = planned.or_else(|| run.session.plan.services.iter().next());
    let steps = planned.map(|(_, planned)| planned.steps.as_slice()).unwrap_or_default();
    let place = steps.iter().position(|known| known.id.value == step.step);
    let mut begun = steps.iter().take(place.map_or(0, |place| place + 1));
    service.rollbacks.is_empty() && begun.any(deploys)
}

fn note(target: &Target, resource: &DeployedResource, own: &str) -> Option<String> {
    let tags = &target.tags;
    let service = &tags.service;
    let runs = named(resource.revision.as_ref()?);
    if tags.run != own {
        return Some(format!("`{service}` was not changed: {runs} still runs"));
    }
    if tags.verified {
        return None;
    }
    let is_good = |revision: &&DeployedRevision| revision.verified && !revision.taken_back;
    Some(match tags.revisions.iter().find(is_good) {
        Some(before) => format!(
            "`{service}` runs {runs}, which is not verified: `shipway rollback {service}` puts {} \
             back",
            named(before)
        ),
        None => format!(
            "`{service}` runs {runs}, which is not verified, and no version before it was: \
             `shipway logs {service}` shows what it writes"
        ),
    })
}

/// Such as `commit 4e1d2aa`; without a commit the digest.
fn named(revision: &DeployedRevision) -> Revision {
    let digest = revision.digest().to_owned();
    Revision {
        commit: revision.commit.clone(),
        digest: revision.commit.is_none().then_some(digest),
        image: None,
    }
}
