//! Which module performs which action, within which time, and how it is stopped.

use super::deploy::ResourceEvidence;
use super::performer::{Job, Performer};
use super::{build, deploy, push, run, tag, verify};
use crate::plan::literal::Period;
use crate::plan::schema::{Action, BuildKind, Step};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use crate::run::retry::wait_after;
use std::time::Duration;

impl Performer {
    /// Makes one attempt within the step's timeout.
    pub async fn attempt(&self, job: Job) -> Result<StepOutput, AttemptError> {
        let step = self.plan.step(job.service, job.place);
        let Period(limit) = step.timeout.resolve(&job.scope)?;
        let stop = job.stop.clone();
        let mut work = std::pin::pin!(self.perform(step, &job));
        tokio::select! {
            result = &mut work => result
                .map_err(|error| with_outputs(deploy::after_failure(self, &job, error), &job)),
            () = tokio::time::sleep(limit) => {
                let mut evidence = None;
                if let Action::Deploy(deploy) = &step.action {
                    evidence = deploy::evidence_of_timeout(self, deploy, &job).await;
                }
                stop.ask.cancel();
                // It ends within the grace period of its children, or at once without one.
                drop(work.await);
                let error = Box::new(self.timed_out(step, &job, limit, evidence).await);
                let error = AttemptError::TimedOut { limit, error };
                Err(with_outputs(deploy::after_failure(self, &job, error), &job))
            }
        }
    }

    /// The error of an attempt that was stopped after `limit`, with all that is known
    /// of why it took so long.
    async fn timed_out(
        &self,
        step: &Step,
        job: &Job,
        limit: Duration,
        evidence: Option<ResourceEvidence>,
    ) -> StepError {
        let mut error = StepError::timed_out(limit).details(job.produced.last_lines());
        if let Some(what) = job.produced.waits_for() {
            error = error.because(format!("it waited for {what}"));
        }
        match &step.action {
            Action::Deploy(_) => explained(error.help("give it longer with `timeout`"), evidence),
            Action::Verify(_) => explained(error, deploy::evidence(self, job).await),
            Action::Build(_) | Action::Tag(_) | Action::Push(_) | Action::Run(_) => error,
        }
    }

    /// After an attempt that will not be repeated, the run's lease on what the service
    /// deployed is given up.
    async fn perform(&self, step: &Step, job: &Job) -> Result<StepOutput, AttemptError> {
        let work = Box::pin(self.perform_action(step, job));
        let result = deploy::renewed_while(self, step, job, work).await;
        if result.as_ref().is_err_and(|error| is_final(error, step, job)) {
            tokio::select! {
                () = deploy::release(self, step, job) => {}
                () = job.stop.kill.cancelled() => {}
            }
        }
        result
    }

    async fn perform_action(&self, step: &Step, job: &Job) -> Result<StepOutput, AttemptError> {
        let work = async {
            match &step.action {
                Action::Build(build) => build::perform(self, build, job).await,
                Action::Tag(tag) => tag::perform(tag, job),
                Action::Push(push) => push::perform(self, push, job).await,
                Action::Deploy(deploy) => deploy::perform(self, deploy, job).await,
                Action::Verify(verify) => {
                    let output = verify::perform(self, verify, job).await?;
                    let deployed = output.handover.deployed.as_ref();
                    deploy::record_checked(self, verify, job, deployed).await?;
                    Ok(output)
                }
                Action::Run(run) => run::perform(self, step, run, job).await,
            }
        };
        if stops_its_children(&step.action) {
            return work.await;
        }
        job.unless_stopped(Box::pin(work)).await
    }
}

fn explained(error: StepError, evidence: Option<ResourceEvidence>) -> StepError {
    match evidence {
        Some(evidence) => evidence.explain(error),
        None => error,
    }
}

/// Whether the loop does not try again.
fn is_final(error: &AttemptError, step: &Step, job: &Job) -> bool {
    match error {
        AttemptError::Failed(error) => {
            wait_after(step.retry, job.attempt, error.retry, 1.0).is_none()
        }
        AttemptError::TimedOut { .. } | AttemptError::Stopped => true,
    }
}

/// Adds the outputs that the attempt wrote before it failed.
fn with_outputs(error: AttemptError, job: &Job) -> AttemptError {
    let add = |mut error: Box<StepError>| {
        error.outputs = job.produced.take_outputs();
        error
    };
    match error {
        AttemptError::Failed(error) => AttemptError::Failed(add(error)),
        AttemptError::TimedOut { limit, error } => {
            AttemptError::TimedOut { limit, error: add(error) }
        }
        AttemptError::Stopped => AttemptError::Stopped,
    }
}

/// Whether the action handles a stop itself: it has to wait for its child
/// processes, so its future must not be dropped. What it does without a child it does by
/// [`Job::unless_stopped`].
fn stops_its_children(action: &Action) -> bool {
    match action {
        Action::Run(_) => true,
        Action::Build(build) => match build.kind {
            BuildKind::Dockerfile(_) | BuildKind::Image(_) => true,
            BuildKind::Layers(_) => false,
        },
        Action::Tag(_) | Action::Push(_) | Action::Deploy(_) | Action::Verify(_) => false,
    }
}
