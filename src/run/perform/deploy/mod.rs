//! `deploy`: runs the service's image on a target.
//!
//! [`DeployTarget`] is all that the other files of the run know of a target: the
//! code here, `verify` and `preflight` name no resource of a cloud. A target is a
//! folder beside this file. Adding one, with a file of its keys in
//! `src/plan/schema` and a client, touches:
//!
//! 1. `src/plan/schema/mod.rs`: the module of its keys,
//! 2. `src/plan/schema/deploy.rs`: its variant of `DeployKind`,
//! 3. this file: its module and one arm in each of the three functions,
//! 4. `src/run/perform/clients.rs`: its client,
//! 5. `src/azure/mod.rs`: the module of that client,
//! 6. `src/cli/images/deployed.rs`: listing the images that it runs.

mod aci;
mod evidence;
#[cfg(test)]
mod fake;
mod pull;
mod tags;
mod target;

pub use tags::ResourceTags;

use super::performer::{Job, Performer};
use crate::plan::schema::{Deploy, DeployKind};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use aci::ContainerGroup;
pub use evidence::ResourceEvidence;
use std::time::Duration;
use target::{DeployTarget, deploy_to};

/// How long reading the evidence of a failure may take.
const MAX_EVIDENCE_TIME: Duration = Duration::from_secs(10);

pub async fn perform(
    performer: &Performer,
    deploy: &Deploy,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let service = job.service;
    let output = match &deploy.kind {
        DeployKind::Aci(keys) => {
            deploy_to(&ContainerGroup { performer, service, deploy, keys }, job).await
        }
    };
    Ok(output?)
}

/// Checks what the deploy needs before the run's first effect. `registries` are
/// the hosts that it pulls from, as far as they are known.
pub async fn preflight(
    performer: &Performer,
    service: usize,
    deploy: &Deploy,
    registries: &[String],
) -> Result<(), StepError> {
    match &deploy.kind {
        DeployKind::Aci(keys) => {
            ContainerGroup { performer, service, deploy, keys }.preflight(registries).await
        }
    }
}

/// What the service's deployed resource shows of itself; `None` where nothing is
/// deployed, or it cannot be read: that would hide the error that is explained.
pub async fn evidence(performer: &Performer, job: &Job) -> Option<ResourceEvidence> {
    let deployed = job.handover.deployed.as_ref()?;
    in_time(job, ContainerGroup::evidence(performer, deployed)).await
}

/// Adds to the error of a deploy that took too long what its resource shows.
pub async fn after_timeout(
    performer: &Performer,
    deploy: &Deploy,
    job: &Job,
    error: StepError,
) -> StepError {
    let service = job.service;
    let found = async {
        match &deploy.kind {
            DeployKind::Aci(keys) => {
                let group = ContainerGroup { performer, service, deploy, keys };
                ContainerGroup::evidence(performer, &group.locate(job).await?).await
            }
        }
    };
    let error = error.help("give it longer with `timeout`");
    match in_time(job, found).await {
        Some(evidence) => evidence.explain(error),
        None => error,
    }
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
