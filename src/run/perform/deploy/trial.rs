//! `strategy: verify-first`: a new version is brought up beside the one that runs, and
//! the checks of its service are made there. Only then is the one that runs changed.
//!
//! Where the resource itself holds several versions, the new one is up within it, without
//! requests, and is the one that gets them afterwards. Else it is a resource of its own,
//! which is removed.

use super::evidence::of_removed;
use super::holding;
use super::target::{DeployTarget, HeldVersions, Stage};
use crate::event::Outputs;
use crate::journal::{Deployed, Handover, TargetId};
use crate::plan::expr::{Object, Rendered, Scope, Value};
use crate::plan::literal::Period;
use crate::plan::schema::{Action, Step, Verify};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::outputs::object;
use crate::run::perform::performer::{Job, Performer, Produced};
use crate::run::perform::verify;
use crate::value::Applied;
use tokio::time::Instant;

/// A version that is verified before it runs.
pub struct Tried<'a, D> {
    pub desired: &'a D,
    /// What runs now, whose addresses the new version is going to have.
    pub instead_of: &'a Deployed,
}

/// A version that is brought up within a resource.
pub struct Held<'a, T: DeployTarget> {
    pub versions: &'a T::Held,
    pub desired: &'a T::Desired,
    /// The resource as it is before that.
    pub live: &'a T::Live,
    pub is_checked: bool,
    /// What runs now, whose addresses the new version is going to have.
    pub instead_of: &'a Deployed,
}

/// Brings a version up within the resource, without requests, and verifies it there. One that
/// fails is ended, and what gets the requests goes on. `false` if nothing was done, because
/// another change was in progress.
pub async fn bring_up_within<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    job: &Job,
    held: &Held<'_, T>,
) -> Result<bool, StepError> {
    let Held { versions, desired, live, is_checked, instead_of } = *held;
    let described = versions.describe_held(desired);
    job.note(match versions.existing(desired) {
        Some(existing) => format!("{existing} runs this version: no new one is made"),
        None if performer.facts.puts_back => {
            format!("bringing the version up first as {described}")
        }
        None => format!("bringing the new version up first as {described}"),
    });
    let sent = Instant::now();
    if let Applied::Busy { wait } = versions.hold(desired, live, job).await? {
        let what = format!("another change of {} to end", target.name(job)?);
        holding::wait_for(job, what, wait).await;
        return Ok(false);
    }
    let checked = async {
        let live = versions.watch_held(desired, job).await?;
        if !is_checked {
            return Ok(None);
        }
        let (outputs, deployed) = target.outputs(&live);
        let job = beside(job, &outputs, deployed);
        check(performer, &job, instead_of).await.map(Some)
    };
    match holding::renewed(performer, &target.id(desired), sent, checked).await {
        Ok(None) => {}
        Ok(Some(0)) => {
            job.note(format!("{}, and it gets the requests now", passed(performer, 0)));
        }
        Ok(Some(count)) => {
            job.note(format!("{} and gets the requests now", passed(performer, count)));
        }
        Err(error) => {
            if let Err(left) = versions.withdraw(desired, Some(live)).await {
                warn_of_left(job, &left);
            }
            return Err(of_removed(error, &performer.facts.id).because(format!(
                "it was tried as {described}, and what ran before gets all requests"
            )));
        }
    }
    Ok(true)
}

/// What the checks of a version that is not in use yet have found.
fn passed(performer: &Performer, count: usize) -> String {
    let version = if performer.facts.puts_back { "the version" } else { "the new version" };
    match count {
        0 => format!("{version} came up, no check was made of it"),
        1 => format!("{version} passed 1 check"),
        count => format!("{version} passed {count} checks"),
    }
}

fn warn_of_left(job: &Job, error: &StepError) {
    let why = error.failure.chain.join(": ");
    job.warn(format!("what was tried beside the version that runs may be left: {why}"));
}

/// Verifies the new version beside the one that runs. The one beside it is removed,
/// whatever the checks say.
pub async fn verify_beside<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    job: &Job,
    tried: &Tried<'_, T::Desired>,
) -> Result<(), StepError> {
    let trial = target.trial(tried.desired);
    let described = target.describe(&trial);
    job.note(format!("bringing the new version up first as {described}"));
    refuse_foreign(target, &trial).await?;
    let tried = Tried { desired: &trial, ..*tried };
    let checked = bring_up(target, performer, job, &tried).await;
    let removed = remove_own(target, performer, &target.id(&trial)).await;
    let count = checked.map_err(|error| {
        of_removed(error, &performer.facts.id).because(format!(
            "the new version was tried as {described}, and what ran before was not changed"
        ))
    })?;
    removed?;
    job.note(match count {
        0 => format!("{}, and it was removed", passed(performer, count)),
        _ => format!("{} and was removed", passed(performer, count)),
    });
    Ok(())
}

/// Fails if a resource of another origin has the name of the one that is to be tried.
async fn refuse_foreign<T: DeployTarget>(target: &T, trial: &T::Desired) -> Result<(), StepError> {
    match target.read(&target.id(trial)).await? {
        Some(live) if !target.is_trial(&live, trial) => {
            let described = target.describe(trial);
            Err(StepError::new(format!("{described} exists, and no run of this plan tried it"))
                .because("`strategy: verify-first` needs that name for the new version")
                .help("give the service another `name` or `dns-label`, or remove what has it"))
        }
        _ => Ok(()),
    }
}

/// Removes what a stopped attempt left. What cannot be removed in time has a tag that
/// says when `sweep` may remove it.
pub async fn remove_left<T: DeployTarget>(target: &T, performer: &Performer, job: &Job) {
    if !target.verifies_first(job).unwrap_or_default() && !performer.facts.puts_back {
        return;
    }
    let removed = async {
        let mut desired = target.desired(job).await?;
        let Some(live) = target.read(&target.id(&desired)).await? else { return Ok(()) };
        match target.stage(&live, &mut desired, job).await? {
            Stage::AtOnce => Ok(()),
            Stage::Beside => {
                remove_own(target, performer, &target.id(&target.trial(&desired))).await
            }
            Stage::Within { held, .. } => held.withdraw(&desired, None).await,
        }
    };
    if let Err(error) = removed.await {
        warn_of_left(job, &error);
    }
}

/// The version that this run tries beside the one that runs, if it does so now.
pub async fn tried<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    job: &Job,
) -> Option<Deployed> {
    if !target.verifies_first(job).unwrap_or_default() && !performer.facts.puts_back {
        return None;
    }
    let mut desired = target.desired(job).await.ok()?;
    let live = target.read(&target.id(&desired)).await.ok()??;
    let id = match target.stage(&live, &mut desired, job).await.ok()? {
        Stage::AtOnce => return None,
        Stage::Beside => {
            let id = target.id(&target.trial(&desired));
            let beside = target.read(&id).await.ok()??;
            target.tags(&beside).filter(|tags| tags.run == performer.facts.id)?;
            id
        }
        Stage::Within { held, .. } => held.held_id(&desired),
    };
    Some(Deployed { target: id, ..Deployed::default() })
}

/// Removes what this run tried. Another run may try its version under the same name.
async fn remove_own<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    id: &TargetId,
) -> Result<(), StepError> {
    let left = target.read(id).await?;
    let tags = left.as_ref().and_then(|left| target.tags(left));
    if tags.is_some_and(|tags| tags.run == performer.facts.id) {
        target.remove(id).await?;
    }
    Ok(())
}

/// Brings the version up and checks it, with a lease of its own.
async fn bring_up<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    job: &Job,
    tried: &Tried<'_, T::Desired>,
) -> Result<usize, StepError> {
    let trial = tried.desired;
    let id = target.id(trial);
    let sent = loop {
        // One that a killed run left is updated.
        let left = holding::read_when_free(target, performer, &id, job).await?;
        let mut trial = trial.clone();
        target.take_lease(&mut trial, &Lease::from_now(&performer.facts.id));
        let sent = Instant::now();
        match target.apply(&trial, left, job).await? {
            Applied::Accepted => break sent,
            Applied::Busy { wait } => {
                let what = format!("another change of {} to end", target.describe(&trial));
                holding::wait_for(job, what, wait).await;
            }
        }
    };
    let checked = async {
        let live = target.watch(trial, job).await?;
        let (outputs, deployed) = target.outputs(&live);
        let job = beside(job, &outputs, deployed);
        check(performer, &job, tried.instead_of).await
    };
    holding::renewed(performer, &id, sent, checked).await
}

/// Makes the checks of the service that ask what it deploys, up to the first step of
/// another kind, which may do something that later ones need. Returns their number.
async fn check(
    performer: &Performer,
    job: &Job,
    instead_of: &Deployed,
) -> Result<usize, StepError> {
    let mut count = 0;
    let later = performer.plan.later_steps(job.service, job.place);
    for (is_chosen, step) in later {
        let Action::Verify(verify) = &step.action else { break };
        let condition = step.condition.as_ref().map(|condition| condition.holds(&job.scope));
        if is_chosen && condition.transpose()?.unwrap_or(true) {
            let check = Check { step, verify, instead_of };
            count += usize::from(make(performer, &check, job).await?);
        }
    }
    Ok(count)
}

/// The deploy as it goes on for the version beside.
fn beside(job: &Job, outputs: &Outputs<Rendered>, deployed: Deployed) -> Job {
    Job {
        id: job.id.clone(),
        service: job.service,
        place: job.place,
        attempt: job.attempt,
        handover: Handover { deployed: Some(deployed), ..job.handover.clone() },
        replaced: None,
        in_doubt: false,
        scope: with_outputs(&job.scope, &job.id.step, outputs),
        stop: job.stop.clone(),
        say: job.say.clone(),
        produced: Produced::default(),
        remember: None,
    }
}

struct Check<'a> {
    step: &'a Step,
    verify: &'a Verify,
    instead_of: &'a Deployed,
}

/// Makes one check. `false` if it was not made, or failed and may.
async fn make(performer: &Performer, check: &Check<'_>, job: &Job) -> Result<bool, StepError> {
    let Check { step, verify, instead_of } = *check;
    let id = &step.id.value;
    let Period(limit) = step.timeout.resolve(&job.scope)?;
    let made = verify::deployed(performer, verify, job, instead_of);
    let checked = tokio::time::timeout(limit, made).await;
    let checked = checked.unwrap_or_else(|_| Err(StepError::timed_out(limit).into()));
    match checked {
        Ok(true) => Ok(true),
        Ok(false) => {
            job.note(format!("`{id}` asks another address, and is made after the deploy alone"));
            Ok(false)
        }
        Err(AttemptError::Stopped) => Err(StepError::new("the check was stopped")),
        Err(AttemptError::Failed(error) | AttemptError::TimedOut { error, .. }) => {
            if !step.continue_on_error.resolve(&job.scope)? {
                return Err(*error);
            }
            let why = error.failure.chain.join(": ");
            job.warn(format!("`{id}` failed for the new version, and may: {why}"));
            Ok(false)
        }
    }
}

/// The scope in which the outputs of the step are those of the version beside.
fn with_outputs(scope: &Scope, step: &str, outputs: &Outputs<Rendered>) -> Scope {
    let mut steps = Object::default();
    for (name, value) in scope.context("steps").into_iter().flat_map(Value::members) {
        steps.set(name, value.clone());
    }
    steps.set(step, Object::default().with("outputs", object(outputs)));
    scope.clone().with("steps", steps)
}
