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
use target::{DeployTarget, deploy_to};

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

/// Adds to an error what the service's deployed resource shows of itself. What
/// cannot be read is left out, because it would hide the error itself.
pub async fn with_evidence(performer: &Performer, job: &Job, error: StepError) -> StepError {
    let Some(deployed) = &job.handover.deployed else { return error };
    match ContainerGroup::evidence(performer, deployed).await {
        Some(lines) => error.details(lines),
        None => error,
    }
}
