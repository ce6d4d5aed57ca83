//! Keeps a deploy from overwriting what another plan or another service has deployed under
//! the same name.
//!
//! The preflight compares the names that are known before the run. A name that an output
//! makes, or one that another plan uses, is found only on the target: its tags say who
//! deployed it.

use super::target::DeployTarget;
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::{PLAN, ResourceTags, SERVICE};
use crate::run::perform::performer::{Job, Performer};

/// Whether another service of this plan has deployed it. One that the plan has no longer was
/// renamed.
pub fn is_of_other_service(performer: &Performer, tags: &ResourceTags, job: &Job) -> bool {
    let plan = &performer.plan;
    tags.service != plan.service_name(job.service)
        && plan.parsed.services.keys().any(|name| *name == tags.service)
}

/// Fails where the tags of the target name another plan, or another service of this plan.
pub fn check<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    tags: &ResourceTags,
    job: &Job,
) -> Result<(), StepError> {
    let plan = &performer.plan;
    let (own_plan, own_service) = (&plan.parsed.name.value, plan.service_name(job.service));
    let is_same_plan = tags.plan == *own_plan;
    if is_same_plan && !is_of_other_service(performer, tags, job) {
        return Ok(());
    }
    let whose = if is_same_plan {
        format!("service `{}` of this plan", tags.service)
    } else {
        format!("plan `{}`", tags.plan)
    };
    let error = StepError::new(format!(
        "{} belongs to {whose}, whose run {} has deployed it: this step would overwrite it",
        target.name(job)?,
        tags.run
    ));
    let apart = "give this one another `name` or DNS label";
    if is_same_plan {
        return Err(error.help(apart));
    }
    Err(error.help(format!(
        "{apart}; if this plan is to take it over, change its tags to `{PLAN}={own_plan}` and \
         `{SERVICE}={own_service}`"
    )))
}
