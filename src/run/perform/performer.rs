//! What every attempt may use, and the choice of who makes it.

use super::clients::Clients;
use super::push::ahead::Underway;
use super::source::PlanSource;
use super::{build, deploy, push, run, tag, verify};
use crate::event::{EventKind, StepId};
use crate::http;
use crate::image;
use crate::image::dockerfile::GitHubCache;
use crate::journal::Handover;
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, BuildKind, Plan, Service, Step};
use crate::run::child::Stop;
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use crate::secret::{Redactor, Secret};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SetOnce;

/// Tells the run something that happened meanwhile.
pub type Say = Arc<dyn Fn(EventKind) + Send + Sync>;

/// What every attempt may use.
pub struct Performer {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its text.
    pub source: PlanSource,
    /// The folder it lies in, to which its paths are relative.
    pub folder: PathBuf,
    /// The contexts that do not change while the run goes on.
    pub scope: Scope,
    /// Knows all secrets.
    pub redactor: Redactor,
    /// Those that reach out.
    pub clients: Clients,
    /// How requests go out.
    pub http: http::Client,
    /// Where built images lie.
    pub images: image::Store,
    /// What children inherit, credentials left out.
    pub environment: BTreeMap<String, String>,
    /// What children are given that is secret, such as the local cloud's
    /// credentials in a dry run.
    pub environment_secrets: BTreeMap<String, Secret>,
    /// How GitHub's cache is reached, which builders alone are told.
    pub github_cache: Option<GitHubCache>,
    /// The run's id.
    pub run: String,
    /// Where all runs of the plan keep their state.
    pub state: PathBuf,
    /// Where the run may keep files.
    pub workspace: PathBuf,
    /// The environment's name, where one was chosen.
    pub environment_name: Option<String>,
    /// Whether the environment is protected.
    pub protected: bool,
    /// How long what is deployed may live.
    pub expires: Option<Duration>,
    /// Whether it runs against the local cloud.
    pub dry_run: bool,
    /// Whether `run` steps are left out.
    pub skip_run: bool,
    /// The steps that are going to be run, by places of service and step.
    pub chosen: BTreeSet<(usize, usize)>,
    /// Layers on their way into registries.
    pub underway: Underway,
    /// Set when the run has begun: the logins are known to be good, and what is
    /// done is on record. Until then nothing is sent.
    pub cleared: Arc<SetOnce<()>>,
}

/// One attempt to be made.
pub struct Job {
    /// The step.
    pub id: StepId,
    /// The place of its service in the plan.
    pub service: usize,
    /// Its place in the service.
    pub place: usize,
    /// What the service's earlier steps handed on.
    pub handover: Handover,
    /// What its expressions see.
    pub scope: Scope,
    /// How it is stopped.
    pub stop: Stop,
    /// Tells the run what happens meanwhile.
    pub say: Say,
}

impl Job {
    /// Says something worth a line.
    pub fn note(&self, message: impl Into<String>) {
        (self.say)(EventKind::Noted { step: self.id.clone(), message: message.into() });
    }

    /// Says something worth a warning.
    pub fn warn(&self, message: impl Into<String>) {
        let step = Some(self.id.clone());
        (self.say)(EventKind::Warned { step, message: message.into() });
    }
}

impl Performer {
    /// Makes one attempt, within the step's time.
    pub async fn attempt(&self, job: Job) -> Result<StepOutput, AttemptError> {
        let step = self.step(job.service, job.place);
        let limit = step.timeout.resolve(&job.scope)?;
        let stop = job.stop.clone();
        let mut work = std::pin::pin!(self.perform(step, &job));
        tokio::select! {
            result = &mut work => result,
            () = tokio::time::sleep(limit) => {
                stop.ask.cancel();
                // It ends within the grace that it gives its own children.
                drop(work.await);
                Err(AttemptError::TimedOut(limit))
            }
        }
    }

    async fn perform(&self, step: &Step, job: &Job) -> Result<StepOutput, AttemptError> {
        let stop = job.stop.clone();
        let work = async {
            match &step.action {
                Action::Build(build) => build::perform(self, build, job).await,
                Action::Tag(tag) => tag::perform(tag, job),
                Action::Push(push) => push::perform(self, push, job).await,
                Action::Deploy(deploy) => deploy::perform(self, deploy, job).await,
                Action::Verify(verify) => verify::perform(self, verify, job).await,
                Action::Run(run) => run::perform(self, step, run, job).await,
            }
        };
        if ends_its_children(&step.action) {
            return work.await;
        }
        tokio::select! {
            result = work => result,
            () = stop.ask.cancelled() => Err(AttemptError::Stopped),
            () = stop.kill.cancelled() => Err(AttemptError::Stopped),
        }
    }

    /// The time that built images carry, in seconds since 1970: what
    /// `SOURCE_DATE_EPOCH` says, else 0.
    pub fn created(&self) -> Result<u64, StepError> {
        let Some(text) = self.environment.get("SOURCE_DATE_EPOCH") else { return Ok(0) };
        text.parse().map_err(|_| {
            StepError::new(format!("`SOURCE_DATE_EPOCH` is `{text}`, not a number of seconds"))
        })
    }

    /// What is stamped on whatever is deployed, so that it can be found again.
    pub(super) fn tags(&self, job: &Job) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::from([
            ("shipway-plan".to_owned(), self.plan.name.value.clone()),
            ("shipway-run".to_owned(), self.run.clone()),
            ("shipway-service".to_owned(), self.service_name(job.service)),
        ]);
        if let Some(name) = &self.environment_name {
            tags.insert("shipway-environment".to_owned(), name.clone());
        }
        let number = self.scope.context("pr").map(|pull_request| pull_request.get("number"));
        let number = number.map(|number| number.text());
        if let Some(number) = number.filter(|number| !number.is_empty()) {
            tags.insert("shipway-pull-request".to_owned(), number);
        }
        if let Some(lives) = self.expires {
            let expires = jiff::Timestamp::now() + lives;
            tags.insert("shipway-expires".to_owned(), expires.to_string());
        }
        tags
    }

    /// A step by its places.
    pub fn step(&self, service: usize, place: usize) -> &Step {
        &self.service(service).steps[place]
    }

    /// The steps of a service after one of them, and whether each is going to be
    /// run.
    pub(super) fn later_steps(
        &self,
        service: usize,
        place: usize,
    ) -> impl Iterator<Item = (bool, &Step)> {
        let steps = self.service(service).steps.iter().enumerate().skip(place + 1);
        steps.map(move |(place, step)| (self.chosen.contains(&(service, place)), step))
    }

    /// Whether a registry is to be created where it is not there.
    pub(super) fn is_created(&self, host: &str) -> bool {
        self.plan.registries.get(host).is_some_and(|registry| registry.create.is_some())
    }

    fn service(&self, service: usize) -> &Service {
        &self.plan.services.0[service].1
    }

    /// A service's name.
    pub fn service_name(&self, service: usize) -> String {
        self.plan.services.0[service].0.value.clone()
    }

    /// The service's name as it stands in the ids of its steps.
    pub fn step_service(&self, service: usize) -> String {
        if self.plan.single { String::new() } else { self.service_name(service) }
    }

    /// The services that a service needs, by place.
    pub fn needs(&self, service: usize) -> Vec<usize> {
        let find = |name: &str| self.plan.services.keys().position(|known| known == name);
        self.service(service).needs.iter().filter_map(|need| find(&need.value)).collect()
    }

    /// The ids of a service's steps, and the keyword of each.
    pub fn actions(&self, service: usize) -> impl Iterator<Item = (StepId, &'static str)> {
        let name = self.step_service(service);
        self.service(service).steps.iter().map(move |step| {
            let id = StepId { service: name.clone(), step: step.id.value.clone() };
            (id, step.action.keyword())
        })
    }
}

/// Whether the action stops by ending its children, for which it needs time.
fn ends_its_children(action: &Action) -> bool {
    match action {
        Action::Run(_) => true,
        Action::Build(build) => matches!(build.kind, BuildKind::Dockerfile(_)),
        Action::Tag(_) | Action::Push(_) | Action::Deploy(_) | Action::Verify(_) => false,
    }
}
