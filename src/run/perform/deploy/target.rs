//! What a deploy target must be able to do, and the deploy made of it.

use super::evidence::ResourceEvidence;
use crate::event::Outputs;
use crate::journal::{Deployed, Handover};
use crate::plan::expr::Rendered;
use crate::run::outcome::{StepError, StepOutput};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::Retries;

/// A kind of resource that services are deployed to, such as a container group.
///
/// A value of it is one `deploy` step. An operation belongs here once generic code
/// calls it: removing a resource and listing the differences from the live one
/// follow with the commands that need them.
pub trait DeployTarget {
    /// The resource as the plan describes it, its expressions evaluated.
    type Desired;
    /// The resource as the cloud reports it.
    type Live;

    /// Checks before the run's first effect that the deploy has the access it
    /// needs. `registries` are the hosts that the image is pulled from.
    async fn preflight(&self, registries: &[String], retries: &Retries) -> Result<(), StepError>;

    /// Evaluates the plan, and refuses what the cloud would refuse.
    async fn desired(&self, job: &Job) -> Result<Self::Desired, StepError>;

    /// Names the resource and its location for the log.
    fn describe(&self, desired: &Self::Desired) -> String;

    /// The resource that the step deploys, whether or not it exists. `None` where
    /// that is not known.
    async fn locate(&self, job: &Job) -> Option<Deployed>;

    /// Reads the resource; `None` where it does not exist.
    async fn read(&self, desired: &Self::Desired) -> Result<Option<Self::Live>, StepError>;

    /// Creates, updates or replaces the resource, and returns once the cloud has
    /// accepted it. With the same `desired` a second call changes nothing.
    async fn apply(
        &self,
        desired: &Self::Desired,
        live: Option<Self::Live>,
        job: &Job,
    ) -> Result<(), StepError>;

    /// Waits until the resource works. An error has the evidence of why it does
    /// not.
    async fn watch(&self, desired: &Self::Desired, job: &Job) -> Result<Self::Live, StepError>;

    /// The step's outputs by name, and what later steps are given.
    fn outputs(&self, live: &Self::Live) -> (Outputs<Rendered>, Deployed);

    /// What a deployed resource shows of itself. `None` where the resource is not of
    /// this kind or cannot be read.
    async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence>;
}

/// Deploys to a target.
pub async fn deploy_to<T: DeployTarget>(target: &T, job: &Job) -> Result<StepOutput, StepError> {
    let desired = target.desired(job).await?;
    job.note(target.describe(&desired));
    let live = target.read(&desired).await?;
    target.apply(&desired, live, job).await?;
    let live = target.watch(&desired, job).await?;
    let (outputs, deployed) = target.outputs(&live);
    let handover = Handover { deployed: Some(deployed), ..job.handover.clone() };
    Ok(StepOutput { outputs, handover })
}
