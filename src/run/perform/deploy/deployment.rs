//! The deploy, made of what a target can do.

use super::holding;
use super::owner;
use super::target::{DeployTarget, Stage};
use super::trial::{Held, Tried, bring_up_within, verify_beside};
use super::verified::record_verified;
use crate::event::OutputName;
use crate::journal::{Handover, Replaced};
use crate::plan::expr::Rendered;
use crate::run::outcome::{StepError, StepOutput};
use crate::run::perform::performer::{Job, Performer};
use crate::value::{Applied, Verdict};
use tokio::time::Instant;

/// Deploys to a target.
pub async fn deploy_to<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    job: &Job,
) -> Result<StepOutput, StepError> {
    let deployment = Deployment { target, performer, job };
    let mut desired = target.desired(job).await?;
    job.note(target.describe(&desired));
    let mut is_staged = false;
    let live = loop {
        if let Some(live) = deployment.bring_up(&mut desired, &mut is_staged).await? {
            break live;
        }
    };
    let (mut outputs, deployed) = target.outputs(&live);
    // Nothing is sent where nothing changes, and the run stays that of the last change.
    if let Some(tags) = target.tags(&live) {
        let is_changed = tags.run == performer.facts.id;
        outputs.set(OutputName::Changed, Rendered::Plain(is_changed.to_string()));
    }
    let is_known = target.tags(&live).is_none_or(|tags| tags.verified);
    // Where the plan has checks of the service, they alone tell that it is verified.
    if !is_known && performer.plan.service(job.service).checks().next().is_none() {
        record_verified(performer, job, &deployed).await?;
    }
    let handover = Handover { deployed: Some(deployed), ..job.handover.clone() };
    Ok(StepOutput { outputs, handover })
}

/// An attempt of a deploy.
struct Deployment<'a, T> {
    target: &'a T,
    performer: &'a Performer,
    job: &'a Job,
}

impl<T: DeployTarget> Deployment<'_, T> {
    /// Deploys to the target as it is now. `None` if another change of it was in
    /// progress, or the new version was brought up without requests first: what it is after
    /// that has to be looked at again.
    async fn bring_up(
        &self,
        wanted: &mut T::Desired,
        is_staged: &mut bool,
    ) -> Result<Option<T::Live>, StepError> {
        let Self { target, performer, job } = *self;
        let id = target.id(wanted);
        let found = match self.unchanged_since_preflight(wanted) {
            Some(live) => Some(live),
            None => holding::read_when_free(target, performer, &id, job).await?,
        };
        let mut desired = wanted.clone();
        if let Some(live) = &found {
            target.remember(&mut desired, live);
        }
        if target.rolls_back(job)? {
            self.keep_replaced(&desired, found.as_ref()).await?;
        }
        match found {
            Some(live) if !self.needs_request(&live, &desired) => {
                job.note("no change: it is as the plan says");
                match target.keep(&desired, live, job).await? {
                    Some(live) => Ok(Some(live)),
                    None => Ok(Some(target.watch(&desired, job).await?)),
                }
            }
            Some(live) if !*is_staged => {
                *is_staged = true;
                let instead_of = target.outputs(&live).1;
                match target.stage(&live, wanted, job).await? {
                    Stage::AtOnce => return Box::pin(self.change(desired, Some(live))).await,
                    Stage::Beside => {
                        let tried = Tried { desired: &desired, instead_of: &instead_of };
                        Box::pin(verify_beside(target, performer, job, &tried)).await?;
                    }
                    Stage::Within { held, is_checked } => {
                        let held = Held {
                            versions: held,
                            desired: wanted,
                            live: &live,
                            is_checked,
                            instead_of: &instead_of,
                        };
                        *is_staged =
                            Box::pin(bring_up_within(target, performer, job, &held)).await?;
                    }
                }
                Ok(None)
            }
            found => Box::pin(self.change(desired, found)).await,
        }
    }

    /// The resource as the preflight has read it, if nothing at all has to be sent. What
    /// is sent rests on a read of the deploy's own, because another run may have taken the
    /// resource since.
    fn unchanged_since_preflight(&self, desired: &T::Desired) -> Option<T::Live> {
        let Self { target, performer, job } = *self;
        let reads = &performer.services.early_reads;
        let live = reads.take::<T::Live>((job.service, job.place))?;
        let mut desired = desired.clone();
        target.remember(&mut desired, &live);
        let is_free = target.tags(&live).is_some_and(|tags| tags.lease.is_none());
        let sends_nothing =
            !self.needs_request(&live, &desired) && target.is_recorded(&desired, &live);
        (is_free && sends_nothing).then_some(live)
    }

    /// Sends the change and watches what comes of it. `None` if another change was in
    /// progress, or was made at the same time.
    async fn change(
        &self,
        mut desired: T::Desired,
        found: Option<T::Live>,
    ) -> Result<Option<T::Live>, StepError> {
        let Self { target, performer, job } = *self;
        let lease = holding::needed(performer, job);
        if let Some(lease) = &lease {
            target.take_lease(&mut desired, lease);
        }
        let is_of_other_tool = found.as_ref().is_some_and(|live| target.tags(live).is_none());
        let sent = Instant::now();
        if let Applied::Busy { wait } = target.apply(&desired, found, job).await? {
            let what = format!("another change of {} to end", target.name(job)?);
            holding::wait_for(job, what, wait).await;
            return Ok(None);
        }
        if is_of_other_tool {
            let name = target.name(job)?;
            job.warn(format!("{name} was not deployed by Shipway, and is overwritten"));
        }
        let watch = target.watch(&desired, job);
        let live = match lease {
            Some(_) => holding::renewed(performer, &target.id(&desired), sent, watch).await?,
            None => watch.await?,
        };
        match target.tags(&live) {
            // Both requests were accepted, and the other's was the later one.
            Some(tags) if tags.run != performer.facts.id => {
                let name = target.name(job)?;
                job.note(format!("run {} has deployed {name} at the same time", tags.run));
                Ok(None)
            }
            // What is refused is found when the target is read again.
            Some(tags) if owner::is_of_other_service(performer, &tags, job.service) => Ok(None),
            _ => Ok(Some(live)),
        }
    }

    /// Whether the cloud has to be sent anything. Secure values cannot be compared and
    /// are sent again, which restarts the containers, except those that an attempt of
    /// this run sent: the tags come with the rest.
    fn needs_request(&self, live: &T::Live, desired: &T::Desired) -> bool {
        let tags = self.target.tags(live);
        let is_own = tags.is_some_and(|tags| tags.run == self.performer.facts.id);
        let is_sent = self.job.in_doubt && is_own;
        let difference = self.target.difference(Some(live), desired);
        let is_for_secure_values = difference.verdict == Verdict::Resend;
        difference.needs_request() && !(is_for_secure_values && is_sent)
    }

    /// Records what the deploy is about to replace, and warns of a rollback that could
    /// not put it back. A repeated attempt keeps what the first one recorded if what it
    /// finds may be its own.
    async fn keep_replaced(
        &self,
        desired: &T::Desired,
        live: Option<&T::Live>,
    ) -> Result<(), StepError> {
        let tags = live.and_then(|live| self.target.tags(live));
        let is_of_another = tags.is_some_and(|tags| tags.run != self.performer.facts.id);
        if self.job.replaced.is_some() && !is_of_another {
            return Ok(());
        }
        let previous = live.map(|live| self.target.previous(live));
        self.job.remember(Replaced { target: self.target.id(desired), previous }).await?;
        for obstacle in
            live.map(|live| self.target.obstacles(desired, live, self.job)).unwrap_or_default()
        {
            self.job.warn(format!("a rollback {obstacle}"));
        }
        Ok(())
    }
}
