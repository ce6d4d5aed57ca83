//! The report of a run, for the comment, the summary of the job and the log of a dry
//! run: collected once, drawn as Markdown or plain text.

mod escape;
mod failure;
mod markdown;
mod plain;
mod planned;
mod removed;
mod timeline;

pub use planned::PlanCard;
pub use removed::{RemovalCard, RemovalRow};

use super::log::ends;
use super::text::one_line;
use super::view::{StepProgress, View};
use crate::event::{
    Failure, Origin, Outcome, OutputName, RunFinished, RunStarted, ServiceResult, Status, StepId,
};
use std::time::Duration;
use timeline::Bar;

/// A heading counts more services instead of naming them.
const MAX_NAMED_SERVICES: usize = 3;

/// The content of the report.
#[derive(Clone, Debug)]
pub struct Card {
    plan: String,
    environment: Option<String>,
    dry_run: bool,
    origin: Origin,
    status: Status,
    /// How the run ended, such as `failed, nothing was changed`, `succeeded, only web` or
    /// `succeeded, from web.verify`.
    end: String,
    services: Vec<ServiceResult>,
    /// What was changed, such as `nothing was changed`, if the run was refused.
    unchanged: &'static str,
    is_resumed: bool,
    /// Why the run was refused before its first step.
    refusals: Vec<Failure>,
    warnings: Vec<String>,
    notes: Vec<String>,
    steps: Vec<(StepId, String, Option<Duration>)>,
    timeline: Vec<Bar>,
    /// When what was deployed expires, such as `2026-11-23 10:00 UTC`.
    expires: Option<String>,
}

impl Card {
    /// Collects the content. The view may include the last event or not.
    pub fn new(view: &View, finished: &RunFinished) -> Self {
        let started = view.started.as_ref();
        let services = finished
            .services
            .iter()
            .cloned()
            .map(|service| ServiceResult { name: ends::name_of(view, &service), ..service });
        Self {
            plan: started.map_or_else(|| "run".to_owned(), |started| one_line(&started.plan)),
            environment: started.and_then(|started| started.environment.clone()),
            dry_run: started.is_some_and(|started| started.dry_run),
            origin: started.map(|started| started.origin.clone()).unwrap_or_default(),
            status: finished.status,
            end: ends::end_of_run(finished) + &only(finished) + &view.beginning(),
            services: services.collect(),
            unchanged: ends::unchanged(finished),
            is_resumed: finished.is_resumed,
            refusals: finished.refusals.clone(),
            warnings: view.warnings.iter().map(|warning| warning.message.clone()).collect(),
            notes: finished.notes.clone(),
            steps: steps(view),
            timeline: timeline::bars(view),
            expires: started.and_then(|started| expiry(started, finished)),
        }
    }

    /// The result in one line, for the description of a deployment or a commit status.
    pub fn line(&self) -> String {
        if let Some(refusal) = self.refusals.first() {
            let why = refusal.chain.first().map(|why| one_line(why)).unwrap_or_default();
            return format!("{}: {why}", self.unchanged);
        }
        let failed = self.failures().next();
        match failed {
            Some((step, failure)) => {
                let why = failure.chain.first().map(|why| one_line(why)).unwrap_or_default();
                format!("{step} failed{}: {why}", self.rollbacks())
            }
            None => match self.services.iter().find(|service| self.is_told_by(service)) {
                Some(service) => format!("{} {}", service.name, ends::end_of(service)),
                None => format!("{} {}", self.plan, self.end),
            },
        }
    }

    /// Whether the end of the service explains that of the run.
    fn is_told_by(&self, service: &ServiceResult) -> bool {
        let skipped = self.status == Status::Skipped && service.status == Status::Skipped;
        !service.is_left_out() && (skipped || service.missing.is_some())
    }

    fn failures(&self) -> impl Iterator<Item = (&StepId, &Failure)> {
        let all = self.services.iter();
        let all = all.flat_map(|service| service.failure.iter().chain(&service.later_failures));
        all.map(|(step, failure)| (step, failure))
    }

    /// What is said after the commit where files differ from it.
    fn uncommitted(&self) -> &'static str {
        if self.origin.uncommitted { " with uncommitted changes" } else { "" }
    }

    /// The rollbacks that failed: their deploy, and why.
    fn failed_rollbacks(&self) -> impl Iterator<Item = (&StepId, &Failure)> {
        let all = self.services.iter().flat_map(|service| &service.rollbacks);
        all.filter_map(|rollback| Some((&rollback.step, rollback.outcome.failure()?)))
    }

    /// What became of the deploys of the service with the first failure.
    fn rollbacks(&self) -> String {
        let failed = self.services.iter().find(|service| service.failure.is_some());
        let all = failed.into_iter().flat_map(|service| &service.rollbacks);
        all.flat_map(|rollback| [", ".to_owned(), one_line(&rollback.outcome.to_string())])
            .collect()
    }

    /// The abbreviated hash of the commit.
    fn commit(&self) -> Option<String> {
        self.origin.commit.as_deref().map(|commit| one_line(commit).chars().take(7).collect())
    }
}

/// How a service ended, in one line, for the description of its commit status.
pub fn line_of_service(service: &ServiceResult) -> String {
    let Some((step, failure)) = &service.failure else { return ends::end_of(service) };
    let why = failure.chain.first().map(|why| one_line(why)).unwrap_or_default();
    format!("{step} failed{}: {why}", ends::rollbacks_of(service))
}

/// When what was deployed expires. `None` where nothing was, or nothing expires.
fn expiry(started: &RunStarted, finished: &RunFinished) -> Option<String> {
    let is_deployed =
        |service: &ServiceResult| service.outputs.get(OutputName::ResourceId).is_some();
    let ttl = started.ttl.filter(|_| finished.services.iter().any(is_deployed))?;
    let began: jiff::Timestamp = started.started.parse().ok()?;
    let expires = began.checked_add(Duration::from_secs(ttl)).ok()?;
    Some(expires.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The services that were chosen, if the command line left out others.
fn only(finished: &RunFinished) -> String {
    let all = finished.services.len();
    let chosen = finished.services.iter().filter(|service| !service.is_left_out());
    let chosen: Vec<String> = chosen.map(|service| one_line(&service.name)).collect();
    match chosen.len() {
        count if count == all => String::new(),
        0..=MAX_NAMED_SERVICES => format!(", only {}", chosen.join(", ")),
        count => format!(", only {count} of {all} services"),
    }
}

fn steps(view: &View) -> Vec<(StepId, String, Option<Duration>)> {
    let known = view.steps.iter().map(|step| {
        let (word, took) = match &step.state {
            StepProgress::Waiting => ("not started".to_owned(), None),
            StepProgress::Running | StepProgress::Pausing { .. } => {
                ("not finished".to_owned(), None)
            }
            StepProgress::Finished { outcome, took } => (ended(outcome), Some(*took)),
        };
        (step.planned.id.clone(), word, took)
    });
    known.collect()
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => "ok".into(),
        Outcome::AlreadyDone => "done before".into(),
        Outcome::Failed { tolerated: false, .. } => "failed".into(),
        Outcome::Failed { tolerated: true, .. } => "failed, and the run went on".into(),
        Outcome::TimedOut { tolerated: false, .. } => "timed out".into(),
        Outcome::TimedOut { tolerated: true, .. } => "timed out, and the run went on".into(),
        Outcome::Skipped { because } => format!("skipped: {}", one_line(because)),
        Outcome::Cancelled => "cancelled".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::Card;
    use crate::event::{RunFinished, Status};
    use crate::report::View;
    use crate::report::testing::sample::{
        bad_end, forked, good_end, not_deployed, not_verified, started,
    };

    #[test]
    fn the_line_names_the_first_failure() {
        let mut view = View::default();
        view.apply(&started());
        assert_eq!(Card::new(&view, &good_end()).line(), "storefront succeeded");
        assert_eq!(
            Card::new(&view, &bad_end()).line(),
            "migrations.run failed: deploy `storefront`"
        );
    }

    #[test]
    fn the_line_says_what_is_missing() {
        let mut view = View::default();
        view.apply(&started());
        let line = |status, service| {
            let ended = RunFinished { status, services: vec![service], ..good_end() };
            Card::new(&view, &ended).line()
        };
        assert_eq!(
            line(Status::Succeeded, not_verified()),
            "web succeeded, not verified: verify `http://x/health`: no connection"
        );
        assert_eq!(
            line(Status::Skipped, forked()),
            "web skipped, not deployed: the code comes from a fork"
        );
        assert_eq!(
            line(Status::Cancelled, not_deployed()),
            "docs skipped, not deployed: tests failed"
        );
    }
}
