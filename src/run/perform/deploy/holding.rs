//! Keeps two runs from changing one target at the same time.
//!
//! A deploy whose service is checked afterwards writes a lease into the tags of the
//! target, with the same request that deploys: which run it is, and until when. While
//! the checks go on the lease is renewed, and the record that they succeeded removes
//! it, so a run without a rival sends no request more. A run that finds the lease of
//! another one waits. The lease of a run that was killed ends by itself.
//!
//! Resource Manager has no conditional requests for container groups, so two runs may
//! still send a deploy at the same moment. One of them is refused because the other's
//! change is in progress, waits, and decides again by what it finds then.

use super::age::OwnCommit;
use super::live::change_tags;
use super::owner::Claim;
use super::target::DeployTarget;
use crate::journal::{Deployed, TargetId};
use crate::plan::schema::{Action, Condition, Step};
use crate::run::outcome::StepError;
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::deployed::tags::{LEASE, ResourceTags};
use crate::run::perform::performer::{Job, Performer};
use std::time::Duration;
use tokio::time::Instant;

/// A request may fail: the next renewal still comes in time.
const RENEWAL: Duration = Duration::from_secs(45);
/// Between two looks at a target that another run holds.
pub const POLL: Duration = Duration::from_secs(2);

/// The lease that a deploy takes; `None` where no check of the service follows, so
/// that the deploy's own request is all there is to keep apart.
pub fn needed(performer: &Performer, job: &Job) -> Option<Lease> {
    is_followed_by_check(performer, job).then(|| Lease::from_now(&performer.facts.id))
}

/// Whether this run is going to make a check of the service after the step and before
/// its next deploy. A condition on what happens until then counts as it is now.
pub fn is_followed_by_check(performer: &Performer, job: &Job) -> bool {
    performer.plan.later_checks(job.service, job.place).any(|(is_chosen, check, _)| {
        let holds = |condition: &Condition| condition.holds(&job.scope).unwrap_or(true);
        is_chosen && check.condition.as_ref().is_none_or(holds)
    })
}

/// Reads the target once no other run holds it. Fails where it runs a newer commit, or
/// belongs to another plan, service or repository.
pub async fn read_when_free<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    id: &TargetId,
    job: &Job,
) -> Result<Option<T::Live>, StepError> {
    let own = OwnCommit::new(&performer.facts, &job.scope);
    loop {
        let live = target.read(id).await?;
        let Some(tags) = live.as_ref().and_then(|live| target.tags(live)) else { return Ok(live) };
        let name = target.name(job)?;
        Claim { performer, service: job.service, target: id, name: &name }.check(&tags)?;
        if !performer.facts.allow_older {
            own.check(&name, &tags)?;
        }
        match tags.lease {
            Some(lease) if lease.holds_against(Some(&performer.facts.id)) => {
                wait_for(job, format!("run {} to end its deploy of {name}", lease.run), POLL).await;
            }
            _ => return Ok(live),
        }
    }
}

/// Waits, and says for what unless that was said last.
pub async fn wait_for(job: &Job, what: String, wait: Duration) {
    if job.produced.waits_for().as_ref() != Some(&what) {
        job.waits_for(what);
    }
    tokio::time::sleep(wait).await;
}

/// Renews the lease of this run while `work` goes on. `since` is when it was written
/// last.
pub async fn renewed<T>(
    performer: &Performer,
    target: &TargetId,
    since: Instant,
    work: impl Future<Output = T>,
) -> T {
    let renewal = async {
        let mut next = since + RENEWAL;
        loop {
            tokio::time::sleep_until(next).await;
            // After a failed request the lease holds until the next renewal.
            renew(performer, target).await.ok();
            next = Instant::now() + RENEWAL;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        never = renewal => never,
    }
}

/// The same for a step after the deploy, if a check is among the steps that follow it
/// or is the step itself.
pub async fn renewed_while<T>(
    performer: &Performer,
    step: &Step,
    job: &Job,
    work: impl Future<Output = T>,
) -> T {
    match held(performer, step, job) {
        Some(deployed) => renewed(performer, &deployed.target, Instant::now(), work).await,
        None => work.await,
    }
}

/// What this run has deployed and goes on to check, after the deploy itself.
pub fn held<'a>(performer: &Performer, step: &Step, job: &'a Job) -> Option<&'a Deployed> {
    let deployed = job.handover.deployed.as_ref()?;
    let is_own = deployed.run.as_ref() == Some(&performer.facts.id)
        || performer.facts.restarts.as_ref() == Some(&deployed.target);
    let is_check = matches!(step.action, Action::Verify(_));
    (is_own && (is_check || is_followed_by_check(performer, job))).then_some(deployed)
}

async fn renew(performer: &Performer, target: &TargetId) -> Result<(), StepError> {
    let run = &performer.facts.id;
    change_tags(performer, target, |_, tags| {
        // Before a version gets the requests, the tags are those of the one that gets them.
        let is_own = ResourceTags::read(tags).is_some_and(|found| {
            found.run == *run || found.lease.is_some_and(|lease| lease.run == *run)
        });
        if is_own {
            tags.insert(LEASE.to_owned(), Lease::from_now(run).to_string());
        }
        is_own
    })
    .await
}

/// Removes the lease of this run.
pub async fn give_up(performer: &Performer, target: &TargetId) -> Result<(), StepError> {
    let run = &performer.facts.id;
    change_tags(performer, target, |_, tags| {
        let lease = ResourceTags::read(tags).and_then(|found| found.lease);
        let is_own = lease.is_some_and(|lease| lease.run == *run);
        if is_own {
            tags.retain(|name, _| !name.eq_ignore_ascii_case(LEASE));
        }
        is_own
    })
    .await
}
