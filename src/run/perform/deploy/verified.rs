//! Records on a target that what it runs was verified, so that a later rollback from
//! any machine knows which versions are good.

use super::aci;
use crate::journal::Deployed;
use crate::plan::schema::Action;
use crate::run::perform::performer::{Job, Performer};

/// Whether no check of the service follows the step before its next deploy.
fn is_last_check(performer: &Performer, job: &Job) -> bool {
    let later = performer.plan.later_steps(job.service, job.place);
    let mut own = later.take_while(|(_, step)| !matches!(step.action, Action::Deploy(_)));
    !own.any(|(_, step)| matches!(step.action, Action::Verify(_)))
}

/// Records it, if the step was the last check of the service. What cannot be recorded
/// makes no check fail.
pub async fn record_verified(performer: &Performer, job: &Job, deployed: Option<&Deployed>) {
    let Some(deployed) = deployed.filter(|_| is_last_check(performer, job)) else { return };
    if let Err(error) = aci::set_verified(performer, deployed).await {
        let why = error.failure.chain.join(": ");
        job.warn(format!("a later rollback will not know that this was verified: {why}"));
    }
}
