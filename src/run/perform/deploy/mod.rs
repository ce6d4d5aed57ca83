//! `deploy`: runs the service's image on a target.
//!
//! [`DeployTarget`] is all that the other files of the run know of a target: the
//! code here, `verify` and `preflight` name no resource of a cloud. A target is a
//! folder beside this file. Adding one, with a file of its keys in
//! `src/plan/schema` and a client, touches:
//!
//! 1. `src/plan/schema/mod.rs`: the module of its keys,
//! 2. `src/plan/schema/deploy.rs`: its variant of `DeployKind`, and what all have in common,
//! 3. `src/azure/mod.rs`: the module of that client,
//! 4. `src/run/perform/azure_clients.rs`: its client, and its kind of resource,
//! 5. this file: its module and one arm in each function,
//! 6. `failed` and `restart`: an arm in each function that has them,
//! 7. `live`: the same where the id of the resource is all that is known.
//!
//! `batch-ai-job` and `batch-task` write a file, and are no target: `job_file`.
//!
//! The commands see what is deployed through `ResourceKind` alone, which is in
//! `src/run/perform/deployed`. `aci` has both sides.

mod aci;
mod age;
mod container_app;
mod deployment;
mod early_reads;
mod evidence;
mod failed;
#[cfg(test)]
mod fake;
mod forecast;
mod holding;
mod image;
mod job_file;
mod live;
mod own_tags;
mod owner;
mod preview;
mod pull;
mod required;
mod restart;
mod rollback;
mod target;
mod trial;
mod values;
mod verified;
mod versions;

pub use aci::ContainerGroups;
pub use container_app::Apps;
pub use early_reads::EarlyReads;
pub use failed::{after_failure, evidence, evidence_of_timeout, release};
pub use forecast::{Comparison, DeployForecast, Trial, unbuilt};
pub use holding::renewed_while;
pub use live::{images as live_images, name_of as name_of_live};
pub use verified::record_checked;

use super::azure_settings::AzureSettings;
use super::performer::{Job, Performer};
use super::pinned_images::PinnedImage;
use super::retry::Retries;
use crate::oci::{Platform, Reference};
use crate::plan::schema::{Deploy, DeployKind};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use aci::ContainerGroup;
use age::OwnCommit;
use container_app::AppStep;
use deployment::deploy_to;
pub use evidence::ResourceEvidence;
use forecast::forecast_of;
use job_file::JobFileStep;
pub use job_file::repository_holding;
use owner::Claim;
pub use required::pinned;
pub use rollback::{Undo, Undone};
use target::DeployTarget;

pub async fn perform(
    performer: &Performer,
    deploy: &Deploy,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    if let Some(target) = &performer.facts.restarts {
        return Ok(restart::perform(performer, deploy, target, job).await?);
    }
    required::check(performer, deploy, job).await?;
    let service = job.service;
    let written = |keys| JobFileStep { performer, service, deploy, keys };
    let output = match &deploy.kind {
        DeployKind::Aci(keys) => {
            deploy_to(&ContainerGroup { performer, service, deploy, keys }, performer, job).await
        }
        DeployKind::ContainerApp(keys) => {
            deploy_to(&AppStep { performer, service, deploy, keys }, performer, job).await
        }
        DeployKind::BatchAiJob(job_file) => written(job_file.keys()).perform(job).await,
        DeployKind::BatchTask(job_file) => written(job_file.keys()).perform(job).await,
    };
    Ok(output?)
}

/// Puts back what the deploy replaced.
pub async fn undo(
    performer: &Performer,
    deploy: &Deploy,
    undo: &Undo<'_>,
) -> Result<Undone, StepError> {
    let service = undo.job.service;
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            let group = ContainerGroup { performer, service, deploy, keys };
            rollback::undo(&group, performer, undo).await
        }
        DeployKind::ContainerApp(keys) => {
            let app = AppStep { performer, service, deploy, keys };
            rollback::undo(&app, performer, undo).await
        }
        // A file is not put back.
        DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => Ok(Undone::Kept),
    }
}

/// What the deploy is going to change, found by reading alone. Without `live` no server
/// is asked, and nothing is compared.
pub async fn forecast(
    performer: &Performer,
    deploy: &Deploy,
    job: &Job,
    live: bool,
) -> Result<(DeployForecast, StepOutput), StepError> {
    let service = job.service;
    let written = |keys| JobFileStep { performer, service, deploy, keys };
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            let target = ContainerGroup { performer, service, deploy, keys };
            forecast_of(&target, performer, job, live).await
        }
        DeployKind::ContainerApp(keys) => {
            let target = AppStep { performer, service, deploy, keys };
            forecast_of(&target, performer, job, live).await
        }
        DeployKind::BatchAiJob(job_file) => written(job_file.keys()).forecast(job),
        DeployKind::BatchTask(job_file) => written(job_file.keys()).forecast(job),
    }
}

/// A `deploy` step of the plan.
#[derive(Clone, Copy)]
pub struct DeployStep<'a> {
    /// Index of the service in the plan.
    pub service: usize,
    /// Index of the step in the service.
    pub place: usize,
    pub deploy: &'a Deploy,
    /// Whether it runs unless a step before it fails.
    pub is_certain: bool,
    /// Whether all of its texts are known before the run.
    pub is_known: bool,
}

/// Checks what the deploy needs before the run's first effect. `registries` are
/// the hosts that it pulls from, as far as they are known.
pub async fn preflight(
    performer: &Performer,
    step: DeployStep<'_>,
    retries: &Retries,
    registries: &[String],
) -> Result<(), StepError> {
    let DeployStep { service, deploy, .. } = step;
    let written = |keys| JobFileStep { performer, service, deploy, keys };
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            let group = ContainerGroup { performer, service, deploy, keys };
            let Some(live) = group.preflight(registries, retries).await? else { return Ok(()) };
            if step.is_certain && step.is_known {
                aci::check_replacement(&group, &live, step.place)?;
            }
            read_early(performer, step, &group, live)
        }
        DeployKind::ContainerApp(keys) => {
            let app = AppStep { performer, service, deploy, keys };
            let Some(live) = app.preflight(registries, retries).await? else { return Ok(()) };
            if step.is_certain {
                container_app::check_environment(&app, &live).await?;
            }
            read_early(performer, step, &app, live)
        }
        DeployKind::BatchAiJob(job_file) => {
            written(job_file.keys()).preflight(step.place, registries)
        }
        DeployKind::BatchTask(job_file) => {
            written(job_file.keys()).preflight(step.place, registries)
        }
    }
}

/// Fails where what runs on the target now is not this service's to replace, or was deployed
/// from a newer commit. Else keeps it for the deploy, unless a program of the plan may change
/// it until then.
fn read_early<T: DeployTarget>(
    performer: &Performer,
    step: DeployStep<'_>,
    target: &T,
    live: T::Live,
) -> Result<(), StepError> {
    let Some(tags) = target.tags(&live) else { return Ok(()) };
    let id = target.outputs(&live).1.target;
    let DeployStep { service, place, is_certain, .. } = step;
    let name = live::name_of(&id);
    Claim { performer, service, target: &id, name: &name }.check(&tags)?;
    // Another run that still checks it may put back what was there before.
    let is_held = tags.lease.as_ref().is_some_and(|it| it.holds_against(Some(&performer.facts.id)));
    if is_certain && !is_held && !performer.facts.allow_older {
        let own = OwnCommit::new(&performer.facts, &performer.plan.scope);
        own.check(&name, &tags)?;
    }
    if !performer.plan.runs_programs() {
        performer.services.early_reads.insert((service, place), live);
    }
    Ok(())
}

/// Checks the names and limits of the deploy, as far as they need no output of a
/// step. Sends no request. Returns what is deployed to, in words that no other target has,
/// if it is known.
pub fn check_texts(
    performer: &Performer,
    service: usize,
    deploy: &Deploy,
) -> Result<Option<String>, StepError> {
    let written = |keys| JobFileStep { performer, service, deploy, keys };
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            aci::check_texts(&ContainerGroup { performer, service, deploy, keys })
        }
        DeployKind::ContainerApp(keys) => {
            container_app::check_texts(&AppStep { performer, service, deploy, keys })
        }
        DeployKind::BatchAiJob(job_file) => written(job_file.keys()).check_texts(),
        DeployKind::BatchTask(job_file) => written(job_file.keys()).check_texts(),
    }
}

/// Fails where an image for these platforms cannot run on the target. Without any
/// platform the image does not say what it is for, and passes.
pub fn check_platforms(deploy: &Deploy, platforms: &[Platform]) -> Result<(), StepError> {
    image::check_platforms(platforms, deploy.runs_on())
}

/// Finds the image that a reference stands for on the target.
pub async fn pin_image(
    performer: &Performer,
    reference: &Reference,
) -> Result<PinnedImage, StepError> {
    let settings = AzureSettings { performer, scope: &performer.plan.scope };
    image::pin_image(settings, reference).await
}
