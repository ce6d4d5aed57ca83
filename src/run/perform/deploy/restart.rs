//! `shipway restart`: starts the containers of what a service has deployed again. Nothing of
//! the plan is sent, and the tags go on naming the run that deployed.

use super::aci::ContainerGroup;
use super::container_app::AppStep;
use super::holding::{self, POLL};
use super::live;
use super::owner::Claim;
use super::target::DeployTarget;
use crate::journal::{Handover, TargetId};
use crate::plan::schema::{Deploy, DeployKind};
use crate::run::outcome::{StepError, StepOutput};
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::deployed::tags::{LEASE, ResourceTags, VERIFIED};
use crate::run::perform::performer::{Job, Performer};
use tokio::time::Instant;

/// Starts what runs again, and sends nothing of the plan.
pub async fn perform(
    performer: &Performer,
    deploy: &Deploy,
    target: &TargetId,
    job: &Job,
) -> Result<StepOutput, StepError> {
    let service = job.service;
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            let group = ContainerGroup { performer, service, deploy, keys };
            restart_of(&group, performer, target, job).await
        }
        DeployKind::ContainerApp(keys) => {
            let app = AppStep { performer, service, deploy, keys };
            restart_of(&app, performer, target, job).await
        }
        DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => Ok(StepOutput::default()),
    }
}

/// Restarts what runs, once no other run changes it, and waits until it works.
async fn restart_of<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    id: &TargetId,
    job: &Job,
) -> Result<StepOutput, StepError> {
    let name = live::name_of(id);
    let (live, leased, lease) = loop {
        let live = read_when_free(target, performer, id, job).await?;
        let lease = holding::needed(performer, job);
        let is_free = match &lease {
            Some(lease) => take(performer, id, lease).await?,
            None => true,
        };
        if is_free {
            break (live, Instant::now(), lease);
        }
    };
    job.note(format!("restarting {name}, which stays as it was deployed"));
    let restart = target.restart(id, live, job);
    let live = match lease {
        Some(_) => holding::renewed(performer, id, leased, restart).await?,
        None => restart.await?,
    };
    let (outputs, deployed) = target.outputs(&live);
    let handover = Handover { deployed: Some(deployed), ..job.handover.clone() };
    Ok(StepOutput { outputs, handover })
}

/// Takes the lease, unless another run has taken it since the target was read. The version is
/// verified again by the check that follows, and until then is not.
async fn take(performer: &Performer, id: &TargetId, lease: &Lease) -> Result<bool, StepError> {
    let mut is_free = true;
    live::change_tags(performer, id, |_, tags| {
        let Some(found) = ResourceTags::read(tags) else { return false };
        let own = Some(performer.facts.id.as_str());
        is_free = !found.lease.is_some_and(|held| held.holds_against(own));
        if is_free {
            tags.retain(|name, _| !name.eq_ignore_ascii_case(VERIFIED));
            tags.insert(LEASE.to_owned(), lease.to_string());
        }
        is_free
    })
    .await?;
    Ok(is_free)
}

async fn read_when_free<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    id: &TargetId,
    job: &Job,
) -> Result<T::Live, StepError> {
    let name = live::name_of(id);
    loop {
        let gone = || {
            StepError::new(format!("cannot restart {name}"))
                .because("it was removed since it was listed")
                .help("`shipway run` deploys it")
        };
        let live = target.read(id).await?.ok_or_else(gone)?;
        let Some(tags) = target.tags(&live) else { return Ok(live) };
        Claim { performer, service: job.service, target: id, name: &name }.check(&tags)?;
        match tags.lease {
            Some(lease) if lease.holds_against(Some(&performer.facts.id)) => {
                let what = format!("run {} to end its deploy of {name}", lease.run);
                holding::wait_for(job, what, POLL).await;
            }
            _ => return Ok(live),
        }
    }
}
