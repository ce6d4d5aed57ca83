//! What a deploy target must be able to do.

use super::evidence::ResourceEvidence;
use crate::event::Outputs;
use crate::journal::{Deployed, Previous, TargetId};
use crate::plan::expr::Rendered;
use crate::run::outcome::StepError;
use crate::run::perform::deployed::KindWords;
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::Retries;
use crate::value::{Applied, Difference};
use std::convert::Infallible;

/// How a version is brought up.
pub enum Stage<'a, H> {
    /// In the place of what runs.
    AtOnce,
    /// First as a resource of its own, which is verified and removed.
    Beside,
    /// First within the resource, where it gets no requests.
    Within {
        held: &'a H,
        /// Whether it is verified there.
        is_checked: bool,
    },
}

/// Versions that are up within a resource beside the one that gets its requests.
pub trait HeldVersions<D, L> {
    /// Names the version for people.
    fn describe_held(&self, desired: &D) -> String;

    /// The id of the version, as a part of the resource.
    fn held_id(&self, desired: &D) -> TargetId;

    /// Which version gets the requests again, if it is one that exists; else a new one is
    /// made.
    fn existing(&self, desired: &D) -> Option<String>;

    /// Brings the version up without requests, with a lease of the run on the resource. A
    /// second call changes nothing.
    async fn hold(&self, desired: &D, live: &L, job: &Job) -> Result<Applied, StepError>;

    /// Waits until it works. Returns the resource as that version has it, with an address
    /// at which it alone answers.
    async fn watch_held(&self, desired: &D, job: &Job) -> Result<L, StepError>;

    /// Ends the version unless it got the requests, and the lease of the run. `before` is
    /// the resource as it was, where that is known.
    async fn withdraw(&self, desired: &D, before: Option<&L>) -> Result<(), StepError>;
}

impl<D, L> HeldVersions<D, L> for Infallible {
    fn describe_held(&self, _: &D) -> String {
        match *self {}
    }

    fn held_id(&self, _: &D) -> TargetId {
        match *self {}
    }

    fn existing(&self, _: &D) -> Option<String> {
        match *self {}
    }

    async fn hold(&self, _: &D, _: &L, _: &Job) -> Result<Applied, StepError> {
        match *self {}
    }

    async fn watch_held(&self, _: &D, _: &Job) -> Result<L, StepError> {
        match *self {}
    }

    async fn withdraw(&self, _: &D, _: Option<&L>) -> Result<(), StepError> {
        match *self {}
    }
}

/// A kind of resource that services are deployed to, such as a container group.
///
/// A value of it is one `deploy` step. An operation belongs here once generic code
/// calls it.
pub trait DeployTarget {
    /// The resource as the plan describes it, its expressions evaluated.
    type Desired: Clone;
    /// The resource as the cloud reports it.
    type Live: Send + 'static;
    /// Brings versions up within the resource; `Infallible` where that cannot be done.
    type Held: HeldVersions<Self::Desired, Self::Live>;

    /// Checks before the run's first effect that the deploy has the access it
    /// needs. `registries` are the hosts that the image is pulled from. Returns the
    /// resource as it is now, if its name is known already and it exists.
    async fn preflight(
        &self,
        registries: &[String],
        retries: &Retries,
    ) -> Result<Option<Self::Live>, StepError>;

    /// The words for resources of this kind.
    fn kind(&self) -> &'static KindWords;

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

    /// Adds the lease of this run to the tags of `desired`.
    fn take_lease(&self, desired: &mut Self::Desired, lease: &Lease);

    /// Whether the plan asks to verify a new version beside the one that runs first.
    fn verifies_first(&self, job: &Job) -> Result<bool, StepError>;

    /// How the version is brought up, given what runs. May find that something which
    /// exists is going to run it, and say so in `desired`.
    async fn stage(
        &self,
        live: &Self::Live,
        desired: &mut Self::Desired,
        job: &Job,
    ) -> Result<Stage<'_, Self::Held>, StepError>;

    /// `desired` under other names, to be removed again.
    fn trial(&self, desired: &Self::Desired) -> Self::Desired;

    /// Whether a run of this plan left the resource when it tried a version of this
    /// service, so that it may be overwritten and removed.
    fn is_trial(&self, live: &Self::Live, trial: &Self::Desired) -> bool;

    /// How the resource differs from the desired one, and what [`DeployTarget::apply`]
    /// does about it.
    fn difference(&self, live: Option<&Self::Live>, desired: &Self::Desired) -> Difference;

    /// Whether the tags of the resource say all that [`DeployTarget::keep`] would record.
    fn is_recorded(&self, desired: &Self::Desired, live: &Self::Live) -> bool;

    /// Records on a resource that does not differ which run wanted it, without touching
    /// what runs. Returns the resource if it is known to work, so that it need not be
    /// watched.
    async fn keep(
        &self,
        desired: &Self::Desired,
        live: Self::Live,
        job: &Job,
    ) -> Result<Option<Self::Live>, StepError>;

    /// Creates, updates or replaces the resource, and returns once the cloud has
    /// accepted it. With the same `desired` a second call changes nothing.
    async fn apply(
        &self,
        desired: &Self::Desired,
        live: Option<Self::Live>,
        job: &Job,
    ) -> Result<Applied, StepError>;

    /// Waits until the resource works. An error has the evidence of why it does
    /// not.
    async fn watch(&self, desired: &Self::Desired, job: &Job) -> Result<Self::Live, StepError>;

    /// Starts the containers of what runs again, as they are, and waits until they work.
    async fn restart(
        &self,
        target: &TargetId,
        live: Self::Live,
        job: &Job,
    ) -> Result<Self::Live, StepError>;

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
