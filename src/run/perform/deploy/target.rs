//! What a deploy target must be able to do, and the deploy made of it.

use super::age::OwnCommit;
use super::evidence::ResourceEvidence;
use super::tags::ResourceTags;
use super::verified::record_verified;
use crate::event::Outputs;
use crate::journal::{Deployed, Handover, Previous, Replaced, TargetId};
use crate::plan::expr::Rendered;
use crate::run::outcome::{StepError, StepOutput};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::Retries;
use crate::value::{Difference, Verdict};

/// A kind of resource that services are deployed to, such as a container group.
///
/// A value of it is one `deploy` step. An operation belongs here once generic code
/// calls it.
pub trait DeployTarget {
    /// The resource as the plan describes it, its expressions evaluated.
    type Desired;
    /// The resource as the cloud reports it.
    type Live;

    /// Checks before the run's first effect that the deploy has the access it
    /// needs. `registries` are the hosts that the image is pulled from.
    async fn preflight(&self, registries: &[String], retries: &Retries) -> Result<(), StepError>;

    /// The resource as people call it, found without asking a server.
    fn name(&self, job: &Job) -> Result<String, StepError>;

    /// Evaluates the plan, and refuses what the cloud would refuse.
    async fn desired(&self, job: &Job) -> Result<Self::Desired, StepError>;

    /// What the resource's tags say of it; `None` if Shipway did not deploy it.
    fn tags(&self, live: &Self::Live) -> Option<ResourceTags>;

    /// Names the resource and its location for the log.
    fn describe(&self, desired: &Self::Desired) -> String;

    /// The resource that the step deploys, whether or not it exists. `None` where
    /// that is not known.
    async fn locate(&self, job: &Job) -> Option<Deployed>;

    fn id(&self, desired: &Self::Desired) -> TargetId;

    /// Reads the resource; `None` where it does not exist.
    async fn read(&self, target: &TargetId) -> Result<Option<Self::Live>, StepError>;

    /// Adds to the tags of `desired` which versions ran before it, once it has replaced
    /// `live`.
    fn remember(&self, desired: &mut Self::Desired, live: &Self::Live);

    /// How the resource differs from the desired one, and what [`DeployTarget::apply`]
    /// does about it.
    fn difference(&self, live: Option<&Self::Live>, desired: &Self::Desired) -> Difference;

    /// Records on a resource that does not differ which run wanted it, without touching
    /// what runs. Returns whether the resource is known to work, so that it need not
    /// be watched.
    async fn keep(
        &self,
        desired: &Self::Desired,
        live: &Self::Live,
        job: &Job,
    ) -> Result<bool, StepError>;

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

    /// Whether the plan asks to put back what the deploy replaces if its service fails.
    fn rolls_back(&self, job: &Job) -> Result<bool, StepError>;

    /// The resource as it is, to be put back later. Two reads of a resource that did
    /// not change between them give the same.
    fn previous(&self, live: &Self::Live) -> Previous;

    /// What would keep a rollback from putting `previous` back, and what it would cost,
    /// as far as that is known before the deploy. Each fits after "a rollback ".
    fn obstacles(&self, desired: &Self::Desired, live: &Self::Live, job: &Job) -> Vec<String>;

    /// Puts a version back and waits until it works. Refused before a change if
    /// something is missing for that. `live` is what the target is now.
    async fn restore(
        &self,
        target: &TargetId,
        previous: &Previous,
        live: Option<Self::Live>,
        job: &Job,
    ) -> Result<Self::Live, StepError>;

    /// Removes the resource, and returns once it no longer exists.
    async fn remove(&self, target: &TargetId) -> Result<(), StepError>;

    /// What a deployed resource shows of itself. `None` where the resource is not of
    /// this kind or cannot be read.
    async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence>;
}

/// Deploys to a target.
pub async fn deploy_to<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    job: &Job,
) -> Result<StepOutput, StepError> {
    let mut desired = target.desired(job).await?;
    job.note(target.describe(&desired));
    let found = target.read(&target.id(&desired)).await?;
    if let Some(tags) = found.as_ref().and_then(|live| target.tags(live))
        && !performer.facts.allow_older
    {
        let own = OwnCommit::new(performer.facts.repository.as_deref(), &job.scope);
        own.check(&target.name(job)?, &tags)?;
    }
    if let Some(live) = &found {
        target.remember(&mut desired, live);
    }
    if target.rolls_back(job)? {
        keep_replaced(target, &desired, found.as_ref(), job).await?;
    }
    let is_sent = job.in_doubt
        && found.as_ref().and_then(|live| target.tags(live)).is_some_and(|tags| {
            // The tags come with the rest, so that this run sent all of it.
            tags.run == performer.facts.id
        });
    let live = match found {
        Some(live) if !needs_request(&target.difference(Some(&live), &desired), is_sent) => {
            job.note("no change: it is as the plan says");
            let works = target.keep(&desired, &live, job).await?;
            if works { live } else { target.watch(&desired, job).await? }
        }
        live => {
            target.apply(&desired, live, job).await?;
            target.watch(&desired, job).await?
        }
    };
    let (outputs, deployed) = target.outputs(&live);
    let is_known = target.tags(&live).is_none_or(|tags| tags.verified);
    record_verified(performer, job, Some(&deployed).filter(|_| !is_known)).await;
    let handover = Handover { deployed: Some(deployed), ..job.handover.clone() };
    Ok(StepOutput { outputs, handover })
}

/// Whether the cloud has to be sent anything. Secure values cannot be compared and are
/// sent again, which restarts the containers, except those that this run has sent.
fn needs_request(difference: &Difference, is_sent: bool) -> bool {
    let is_for_secure_values = difference.verdict == Verdict::Resend;
    difference.needs_request() && !(is_for_secure_values && is_sent)
}

/// Records what the deploy is about to replace, and warns of a rollback that could not
/// put it back. A repeated attempt keeps what the first one recorded: what it finds
/// may be its own.
async fn keep_replaced<T: DeployTarget>(
    target: &T,
    desired: &T::Desired,
    live: Option<&T::Live>,
    job: &Job,
) -> Result<(), StepError> {
    if job.replaced.is_some() {
        return Ok(());
    }
    let previous = live.map(|live| target.previous(live));
    job.remember(Replaced { target: target.id(desired), previous }).await?;
    for obstacle in live.map(|live| target.obstacles(desired, live, job)).unwrap_or_default() {
        job.warn(format!("a rollback {obstacle}"));
    }
    Ok(())
}
