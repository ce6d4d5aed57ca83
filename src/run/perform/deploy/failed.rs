//! After a step of a service that failed or took too long: what the deployed resource shows of
//! itself, which help its error has, and the end of the run's lease.

use super::aci::ContainerGroup;
use super::container_app::AppStep;
use super::evidence::{self, ResourceEvidence};
use super::target::DeployTarget as _;
use super::{holding, live, trial};
use crate::journal::Deployed;
use crate::plan::schema::{Action, Deploy, DeployKind, Step};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::performer::{Job, Performer};
use std::time::Duration;

/// A run that is told to end has seven seconds for all of its cleaning up.
const MAX_RELEASE_TIME: Duration = Duration::from_secs(3);

/// How long reading the evidence of a failure may take.
const MAX_EVIDENCE_TIME: Duration = Duration::from_secs(10);

/// What the service's deployed resource shows of itself; `None` where nothing is
/// deployed, or it cannot be read: that would hide the error that is explained.
pub async fn evidence(performer: &Performer, job: &Job) -> Option<ResourceEvidence> {
    let deployed = job.handover.deployed.as_ref()?;
    in_time(job, live::evidence(performer, deployed)).await
}

/// The resource that the step deploys, whether or not it exists.
async fn locate(performer: &Performer, deploy: &Deploy, job: &Job) -> Option<Deployed> {
    if let Some(target) = &performer.facts.restarts {
        return Some(Deployed { target: target.clone(), ..Deployed::default() });
    }
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
    if performer.facts.restarts.is_some() {
        return None;
    }
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
    if performer.facts.restarts.is_some() {
        return;
    }
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

/// Whether the plan asks to put back what the deploy replaces if its service fails. A restart
/// replaces nothing.
fn rolls_back(performer: &Performer, deploy: &Deploy, job: &Job) -> bool {
    if performer.facts.restarts.is_some() {
        return false;
    }
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
