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
//! 6. `live`: the same where the id of the resource is all that is known.
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
mod rollback;
mod target;
mod trial;
mod values;
mod verified;
mod versions;

pub use aci::ContainerGroups;
pub use container_app::Apps;
pub use early_reads::EarlyReads;
pub use forecast::{Comparison, DeployForecast, Trial, unbuilt};
pub use holding::renewed_while;
pub use live::images as live_images;
pub use verified::record_checked;

use super::azure_settings::AzureSettings;
use super::performer::{Job, Performer};
use super::pinned_images::PinnedImage;
use super::retry::Retries;
use crate::journal::Deployed;
use crate::oci::{Platform, Reference};
use crate::plan::schema::{Action, Deploy, DeployKind, Step};
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
use std::time::Duration;
use target::DeployTarget;

/// A run that is told to end has seven seconds for all of its cleaning up.
const MAX_RELEASE_TIME: Duration = Duration::from_secs(3);

/// How long reading the evidence of a failure may take.
const MAX_EVIDENCE_TIME: Duration = Duration::from_secs(10);

pub async fn perform(
    performer: &Performer,
    deploy: &Deploy,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
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
        let own = OwnCommit::new(performer.facts.repository.as_deref(), &performer.plan.scope);
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

/// What the service's deployed resource shows of itself; `None` where nothing is
/// deployed, or it cannot be read: that would hide the error that is explained.
pub async fn evidence(performer: &Performer, job: &Job) -> Option<ResourceEvidence> {
    let deployed = job.handover.deployed.as_ref()?;
    in_time(job, live::evidence(performer, deployed)).await
}

/// The resource that the step deploys, whether or not it exists.
async fn locate(performer: &Performer, deploy: &Deploy, job: &Job) -> Option<Deployed> {
    let service = job.service;
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            ContainerGroup { performer, service, deploy, keys }.locate(job).await
        }
        DeployKind::ContainerApp(keys) => {
            AppStep { performer, service, deploy, keys }.locate(job).await
        }
        DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => None,
    }
}

/// The version that the step tries beside the one that runs.
async fn tried(performer: &Performer, deploy: &Deploy, job: &Job) -> Option<Deployed> {
    let service = job.service;
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            let group = ContainerGroup { performer, service, deploy, keys };
            trial::tried(&group, performer, job).await
        }
        DeployKind::ContainerApp(keys) => {
            trial::tried(&AppStep { performer, service, deploy, keys }, performer, job).await
        }
        DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => None,
    }
}

/// Removes what a deploy that was stopped left beside the version that runs.
async fn remove_trial(performer: &Performer, deploy: &Deploy, job: &Job) {
    let service = job.service;
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            let group = ContainerGroup { performer, service, deploy, keys };
            trial::remove_left(&group, performer, job).await;
        }
        DeployKind::ContainerApp(keys) => {
            let app = AppStep { performer, service, deploy, keys };
            trial::remove_left(&app, performer, job).await;
        }
        DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => {}
    }
}

/// The error of a step of a service, with the commands that show what is known of it once the
/// plan has had the deploy rolled back.
pub fn after_failure(performer: &Performer, job: &Job, error: AttemptError) -> AttemptError {
    let removes = deploy_of(performer, job).is_some_and(|it| rolls_back(performer, it, job));
    let of_removed = |error: Box<StepError>| {
        let run = performer.facts.id.as_str();
        if removes { Box::new(evidence::of_removed(*error, run)) } else { error }
    };
    match error {
        AttemptError::Failed(error) => AttemptError::Failed(of_removed(error)),
        AttemptError::TimedOut { limit, error } => {
            AttemptError::TimedOut { limit, error: of_removed(error) }
        }
        AttemptError::Stopped => AttemptError::Stopped,
    }
}

/// Whether the plan asks to put back what the deploy replaces if its service fails.
fn rolls_back(performer: &Performer, deploy: &Deploy, job: &Job) -> bool {
    let service = job.service;
    let rolls_back = match &deploy.kind {
        DeployKind::Aci(keys) => {
            ContainerGroup { performer, service, deploy, keys }.rolls_back(job)
        }
        DeployKind::ContainerApp(keys) => {
            AppStep { performer, service, deploy, keys }.rolls_back(job)
        }
        DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => Ok(false),
    };
    rolls_back.unwrap_or_default()
}

/// Gives the run's lease on what a service deployed up after a step that failed for good,
/// so that the next run need not wait for its end. Before a rollback it is kept: putting
/// the version before back removes it.
pub async fn release(performer: &Performer, step: &Step, job: &Job) {
    let Some(deploy) = deploy_of(performer, job) else { return };
    if matches!(step.action, Action::Deploy(_)) {
        let removed = remove_trial(performer, deploy, job);
        tokio::time::timeout(MAX_RELEASE_TIME, removed).await.ok();
    }
    if rolls_back(performer, deploy, job) {
        return;
    }
    let release = async {
        let target = match &step.action {
            Action::Deploy(_) if holding::is_followed_by_check(performer, job) => {
                locate(performer, deploy, job).await?.target
            }
            Action::Deploy(_) => return None,
            _ => holding::held(performer, step, job)?.target.clone(),
        };
        // A lease that is not given up ends by itself.
        holding::give_up(performer, &target).await.ok()
    };
    tokio::time::timeout(MAX_RELEASE_TIME, release).await.ok();
}

/// The deploy that the step belongs to: itself, or the last one before it.
fn deploy_of<'a>(performer: &'a Performer, job: &Job) -> Option<&'a Deploy> {
    let steps = &performer.plan.service(job.service).steps;
    steps.iter().take(job.place + 1).rev().find_map(|step| step.action.azure_deploy())
}

/// What the resource shows of itself that a deploy which takes too long waits for. It is read
/// before the deploy is stopped, which removes a version that is tried.
pub async fn evidence_of_timeout(
    performer: &Performer,
    deploy: &Deploy,
    job: &Job,
) -> Option<ResourceEvidence> {
    let found = async {
        let deployed = match tried(performer, deploy, job).await {
            Some(tried) => tried,
            None => locate(performer, deploy, job).await?,
        };
        live::evidence(performer, &deployed).await
    };
    in_time(job, Box::pin(found)).await
}

/// Gives up where the evidence takes long or the run is killed: the error itself
/// must be told in any case.
async fn in_time<T>(job: &Job, work: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::select! {
        found = work => found,
        () = tokio::time::sleep(MAX_EVIDENCE_TIME) => None,
        () = job.stop.kill.cancelled() => None,
    }
}
