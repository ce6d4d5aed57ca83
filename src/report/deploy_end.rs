//! How the deploys of a run ended together: what GitHub's deployment records.

use super::view::{StepProgress, StepView, View};
use crate::event::{Outcome, OutputName, RollbackOutcome, RunFinished, ServiceResult, Status};

/// How the deploys that were begun ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeployEnd {
    /// The worst end of a service whose deploy was begun.
    pub status: Status,
    pub replaced: Replaced,
    /// The URL of the first of these services that has one.
    pub url: Option<String>,
    /// Whether any of them had to change what runs.
    pub has_changed: bool,
}

/// What is no longer there because of these deploys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replaced {
    /// Some of what ran before may still run.
    Nothing,
    /// What earlier runs deployed. A later run may have deployed since: a deploy was done by
    /// an earlier process of this run, or a check after it failed.
    EarlierRuns,
    /// Whatever else was deployed.
    AllOthers,
}

impl DeployEnd {
    /// `None` if no deploy was begun: what an earlier run deployed is still there,
    /// and so is GitHub's record of it.
    pub fn of(view: &View, finished: &RunFinished) -> Option<Self> {
        let begun: Vec<&StepView> = view.steps.iter().filter(|step| is_begun(step)).collect();
        if begun.is_empty() {
            return None;
        }
        let failed = begun.iter().any(|step| is_failed(step));
        let is_concerned = |service: &&ServiceResult| {
            // A plan with top-level `steps` has one service, which its steps do not name.
            let is_of = |step: &&StepView| {
                let of = &step.planned.id.service;
                of.is_empty() || *of == service.name
            };
            begun.iter().any(is_of)
        };
        let concerned = || finished.services.iter().filter(is_concerned);
        let status = if failed { Some(Status::Failed) } else { None };
        let status = status.or_else(|| {
            concerned().map(|service| service.status).max_by_key(|status| worst(*status))
        });
        // Where nothing failed, only what follows the deploys was left out.
        let status = match status.unwrap_or(finished.status) {
            Status::Skipped if finished.status == Status::Skipped => Status::Succeeded,
            status => status,
        };
        let is_deployed = begun.iter().all(|step| has_succeeded(step));
        let replaced = if !is_deployed || concerned().any(runs_what_was_before) {
            Replaced::Nothing
        } else if status == Status::Succeeded && !begun.iter().any(|step| was_done_before(step)) {
            Replaced::AllOthers
        } else {
            Replaced::EarlierRuns
        };
        Some(Self {
            status,
            replaced,
            has_changed: begun.iter().any(|step| has_changed(step)),
            url: concerned().find_map(|service| service.outputs.get(OutputName::Url)).cloned(),
        })
    }
}

/// Whether a rollback left what an earlier run deployed.
fn runs_what_was_before(service: &ServiceResult) -> bool {
    service.rollbacks.iter().any(|rollback| match rollback.outcome {
        RollbackOutcome::RolledBack { .. } | RollbackOutcome::Unchanged { .. } => true,
        RollbackOutcome::Removed
        | RollbackOutcome::Kept
        | RollbackOutcome::Superseded { .. }
        | RollbackOutcome::Failed { .. } => false,
    })
}

fn worst(status: Status) -> u8 {
    match status {
        Status::Succeeded => 0,
        Status::Skipped => 1,
        Status::Cancelled => 2,
        Status::Failed => 3,
    }
}

fn is_begun(step: &StepView) -> bool {
    let begun = match &step.state {
        StepProgress::Waiting => false,
        StepProgress::Running | StepProgress::Pausing { .. } => true,
        StepProgress::Finished { outcome, .. } => !matches!(outcome, Outcome::Skipped { .. }),
    };
    begun && step.planned.action == "deploy"
}

fn has_succeeded(step: &StepView) -> bool {
    let StepProgress::Finished { outcome, .. } = &step.state else { return false };
    matches!(outcome, Outcome::Succeeded | Outcome::AlreadyDone)
}

fn was_done_before(step: &StepView) -> bool {
    matches!(step.state, StepProgress::Finished { outcome: Outcome::AlreadyDone, .. })
}

/// A deploy that did not end may have changed something.
fn has_changed(step: &StepView) -> bool {
    step.outputs.get(OutputName::Changed).is_none_or(|changed| changed != "false")
}

/// A tolerated failure is one too: the service has not been deployed.
fn is_failed(step: &StepView) -> bool {
    let StepProgress::Finished { outcome, .. } = &step.state else { return false };
    matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. })
}

#[cfg(test)]
mod tests {
    use super::DeployEnd;
    use crate::event::{Outcome, RunFinished, ServiceResult, Status};
    use crate::report::View;
    use crate::report::testing::sample::{
        bad_end, begun, broken, cancelled, failed, finished, good_end, started, web,
    };

    fn shown(end: Option<DeployEnd>) -> String {
        let Some(DeployEnd { status, replaced, url, .. }) = end else {
            return "nothing".to_owned();
        };
        let url = url.unwrap_or_else(|| "no URL".to_owned());
        format!("{status:?}, replaced: {replaced:?}, {url}")
    }

    fn of(events: &[crate::event::Event], ended: &RunFinished) -> String {
        let mut view = View::default();
        view.apply(&started());
        for event in events {
            view.apply(event);
        }
        shown(DeployEnd::of(&view, ended))
    }

    #[test]
    fn a_run_without_a_begun_deploy_has_no_end_of_it() {
        assert_eq!(of(&[], &bad_end()), "nothing");
        let skipped = Outcome::Skipped { because: "`web.push` failed".into() };
        assert_eq!(of(&[finished("web", "live", skipped, &[])], &bad_end()), "nothing");
        assert_eq!(of(&[finished("web", "push", failed(false), &[])], &bad_end()), "nothing");
    }

    #[test]
    fn the_services_that_deployed_decide() {
        let live = |outcome| [finished("web", "live", outcome, &[])];
        let url = "http://storefront.westeurope.azurecontainer.io/";
        let good = format!("Succeeded, replaced: AllOthers, {url}");
        assert_eq!(of(&live(Outcome::Succeeded), &good_end()), good);
        // Another service failed.
        assert_eq!(of(&live(Outcome::Succeeded), &bad_end()), good);
        let crashed = ServiceResult { name: "web".into(), ..broken() };
        let ended = RunFinished { services: vec![crashed], ..bad_end() };
        assert_eq!(of(&live(failed(false)), &ended), "Failed, replaced: Nothing, no URL");
        // Deployed, and then its verify failed: a later run may have deployed in between.
        assert_eq!(of(&live(Outcome::Succeeded), &ended), "Failed, replaced: EarlierRuns, no URL");
        // Deployed by the process before.
        assert_eq!(
            of(&live(Outcome::AlreadyDone), &ended),
            "Failed, replaced: EarlierRuns, no URL"
        );
        assert_eq!(
            of(&live(Outcome::AlreadyDone), &good_end()),
            format!("Succeeded, replaced: EarlierRuns, {url}")
        );
        let tolerant = RunFinished { services: vec![web()], ..good_end() };
        assert_eq!(of(&live(failed(true)), &tolerant), format!("Failed, replaced: Nothing, {url}"));
        // `--until live` leaves out its verify.
        let not_verified = ServiceResult { status: Status::Skipped, ..web() };
        let ended =
            RunFinished { status: Status::Skipped, services: vec![not_verified], ..good_end() };
        assert_eq!(of(&live(Outcome::Succeeded), &ended), good);
        let stopped = ServiceResult { name: "web".into(), ..cancelled() };
        let ended =
            RunFinished { status: Status::Cancelled, services: vec![stopped], ..good_end() };
        assert_eq!(of(&[begun("web", "live")], &ended), "Cancelled, replaced: Nothing, no URL");
    }
}
