//! Rolls back a deploy: puts back what it replaced, and verifies that.

use super::deploy::{self, Undo, Undone};
use super::performer::{Job, Performer};
use super::verify;
use crate::event::RollbackOutcome;
use crate::journal::{Deployed, Handover, Replaced};
use crate::plan::literal::Period;
use crate::plan::schema::{Action, Deploy, Step};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::retry::wait_after;

/// The rollback of a deploy.
pub struct RollbackJob {
    /// Of the deploy.
    pub job: Job,
    pub replaced: Replaced,
    /// An earlier process began it.
    pub is_resumed: bool,
}

/// A rollback that did not fail.
pub struct RolledBack {
    pub outcome: RollbackOutcome,
    /// The URL of what runs now.
    pub url: Option<String>,
}

impl Performer {
    /// Puts back what a deploy replaced, and repeats the checks of its service that
    /// hold for any version.
    pub async fn roll_back(&self, rollback: RollbackJob) -> Result<RolledBack, StepError> {
        let step = self.plan.step(rollback.job.service, rollback.job.place);
        let Action::Deploy(deploy) = &step.action else {
            return Err(StepError::new("only a deploy is rolled back"));
        };
        let undone = self.undo(step, deploy, &rollback).await?;
        let RollbackJob { job, replaced, .. } = rollback;
        let revision = replaced.previous.map(|previous| previous.revision);
        let (outcome, url) = match undone {
            Undone::Unchanged => (RollbackOutcome::Unchanged { still: revision }, None),
            Undone::Kept => (RollbackOutcome::Kept, None),
            Undone::Removed => (RollbackOutcome::Removed, None),
            Undone::Superseded { by } => (RollbackOutcome::Superseded { by }, None),
            Undone::PutBack(deployed) => {
                let url = deployed.url.clone();
                self.verify_rollback(job, deployed).await?;
                (RollbackOutcome::RolledBack { to: revision.unwrap_or_default() }, url)
            }
        };
        Ok(RolledBack { outcome, url })
    }

    /// Within the timeout of the deploy, with as many attempts as the deploy has.
    async fn undo(
        &self,
        step: &Step,
        deploy: &Deploy,
        rollback: &RollbackJob,
    ) -> Result<Undone, StepError> {
        let RollbackJob { job, replaced, is_resumed } = rollback;
        let attempts = async {
            let mut attempt = 1;
            loop {
                let may_have_begun = *is_resumed || attempt > 1;
                let undo = Undo { job, replaced, may_have_begun };
                let error = match deploy::undo(self, deploy, &undo).await {
                    Ok(undone) => return Ok(undone),
                    Err(error) => error,
                };
                let Some(wait) = wait_after(step.retry, attempt, error.retry, 1.0) else {
                    return Err(error);
                };
                let why = error.failure.chain.join(": ");
                job.warn(format!("the rollback is tried again in {} s: {why}", wait.as_secs_f64()));
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
        };
        let Period(limit) = step.timeout.resolve(&job.scope)?;
        let undone = tokio::time::timeout(limit, attempts).await;
        undone.unwrap_or_else(|_| Err(StepError::timed_out(limit)))
    }

    /// Repeats each `verify` of the service between this deploy and the next one. If
    /// none of them holds for any version, a connection must succeed.
    async fn verify_rollback(&self, job: Job, deployed: Deployed) -> Result<(), StepError> {
        let handover = Handover { deployed: Some(deployed), ..job.handover };
        let job = Job { handover, ..job };
        let mut is_verified = false;
        let checks = self.plan.later_checks(job.service, job.place);
        for (_, step, verify) in checks.filter(|(is_chosen, ..)| *is_chosen) {
            let Period(limit) = step.timeout.resolve(&job.scope)?;
            let repeated = tokio::time::timeout(limit, verify::repeat(self, verify, &job)).await;
            let repeated = repeated.unwrap_or_else(|_| Err(StepError::timed_out(limit).into()));
            is_verified |= repeated.map_err(|error| match error {
                AttemptError::Failed(error) | AttemptError::TimedOut { error, .. } => *error,
                AttemptError::Stopped => StepError::new("the check was stopped"),
            })?;
        }
        if !is_verified {
            verify::connects(self, &job).await?;
        }
        Ok(())
    }
}
