//! `shipway report --merge`: makes one report of the runs of several jobs.

use super::counted::Counted;
use super::job_run::{JobRun, read_runs};
use crate::cli::exit::Exit;
use crate::cli::matrix::chosen;
use crate::cli::pipeline::audience::Audience;
use crate::cli::pipeline::origin::started as begin;
use crate::cli::pipeline::publish::{Publisher, Subject};
use crate::cli::plan_file::{PLAN_OPTION_HELP, PlanFile};
use crate::cli::runtime::block_on;
use crate::cli::session::connections::GitHubConnection;
use crate::cli::session::run::state_folder;
use crate::cli::session::{PlanSession, refuse, show_step_error};
use crate::event::{
    Channel, Event, EventKind, LEFT_OUT_BY_ONLY, Outputs, PlannedStep, RunFinished, ServiceResult,
    Status,
};
use crate::journal::{RunFolder, RunId, RunOptions};
use crate::report::{LiveOptions, StepView, View};
use crate::run::outcome::StepError;
use clap::Args;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a service is skipped that the runs do not have.
const NO_RUN: &str = "no job ran it";

/// The options of `--merge`.
#[derive(Args, Clone, Debug)]
pub struct MergeOptions {
    /// Report the runs below this folder at GitHub, as one run
    #[arg(long = "merge", value_name = "FOLDER", conflicts_with_all = ["run", "form"])]
    pub folder: Option<PathBuf>,
    /// With --merge: what the jobs were given by `shipway matrix --since`
    #[arg(long, value_name = "BASE", requires = "folder")]
    pub since: Option<String>,
    /// With --merge: use this environment instead of the first whose `if` holds
    #[arg(long, value_name = "NAME", requires = "folder")]
    pub env: Option<String>,
    /// With --merge: set a variable of the plan; not for secrets
    #[arg(long, value_name = "NAME=VALUE", requires = "folder")]
    pub set: Vec<String>,
    /// With --merge: set the number of the pull request
    #[arg(long, value_name = "N", requires = "folder", value_parser = clap::value_parser!(u64).range(1..))]
    pub pr: Option<u64>,
    /// With --merge: tell this comment apart from others of Shipway
    #[arg(long, value_name = "KEY", requires = "folder")]
    pub comment_key: Option<String>,
    /// With --merge: use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE", requires = "folder")]
    pub cloud: Option<PathBuf>,
}

impl MergeOptions {
    /// The options of one run of the whole plan.
    fn run_options(&self) -> RunOptions {
        RunOptions {
            env: self.env.clone(),
            set: self.set.clone(),
            pr: self.pr,
            comment_key: self.comment_key.clone(),
            cloud: self.cloud.clone(),
            ..RunOptions::default()
        }
    }
}

/// A report of the runs of several jobs.
pub struct Merge<'a> {
    /// The plan's file.
    pub plan: &'a Path,
    pub state_dir: Option<&'a Path>,
    /// Where the runs are.
    pub folder: &'a Path,
    pub options: &'a MergeOptions,
}

impl Merge<'_> {
    /// Reports the runs below the folder as if one machine had done all of it.
    pub fn report(&self, audience: Audience) -> Result<Exit, Exit> {
        let redactor = audience.redactor();
        let file = PlanFile::read(self.plan, PLAN_OPTION_HELP)?;
        let id = RunId::new();
        let state = state_folder(self.state_dir, &file);
        let options = self.options.run_options();
        let session =
            PlanSession::of_run(file.without_warnings().into(), &options, redactor.clone(), &id)?;
        let refused = |error: StepError| show_step_error(error, &redactor);
        let (runs, unread) = match read_runs(self.folder) {
            Ok(runs) => (runs, None),
            // A report of an earlier attempt must not stand for this one.
            Err(error) if session.host.in_actions() => (Vec::new(), Some(error)),
            Err(error) => return Err(refused(error)),
        };
        let mut counted = Counted::of(&session, runs);
        counted.warnings.extend(unread.map(|error| {
            let failure = error.shown(&redactor, None);
            let help = failure.help.map(|help| format!("; {help}")).unwrap_or_default();
            format!("{}{help}", failure.chain.join(": "))
        }));
        let chosen = chosen(&session, self.options.since.as_deref())
            .map_err(|error| Exit::from(refuse(&session, error)))?;
        let merged = Merged { session: &session, counted: &counted, chosen: &chosen };
        let (view, finished, exit) = merged.whole(&id);
        let folder = RunFolder::create(&state, id).map_err(|error| {
            let failed = StepError::new("cannot create the folder of the report");
            refused(failed.because(error.to_string()))
        })?;
        let mut subject = Subject::of(&session);
        if counted.is_dry_run {
            // Nothing was done that GitHub could be told of.
            subject.dry_run = true;
            subject.channels.retain(|channel| *channel == Channel::Summary);
        }
        let warnings = counted.warnings;
        publish(&session, audience, &folder, Report { subject, view, finished, exit, warnings })
    }
}

struct Report {
    subject: Subject,
    view: View,
    finished: RunFinished,
    exit: Exit,
    warnings: Vec<String>,
}

fn publish(
    session: &PlanSession,
    audience: Audience,
    folder: &RunFolder,
    report: Report,
) -> Result<Exit, Exit> {
    let Report { subject, mut view, finished, exit, warnings } = report;
    let github = subject.repository.clone().and_then(|repository| {
        let PlanSession { options, host, redactor, .. } = session;
        GitHubConnection::alone(options, host, redactor, repository).ok()
    });
    block_on(async {
        let mut reporters = audience.reporters(&session.redactor, LiveOptions::default);
        reporters.assume_view(view.clone());
        for message in warnings {
            let event = Event { at: view.at, kind: EventKind::Warned { step: None, message } };
            view.apply(&event);
            reporters.on(&event);
        }
        let publisher = Publisher {
            subject: &subject,
            github: github.as_ref().and_then(|(http, github)| Some((http, github.as_ref()?))),
            host: &session.host,
            redactor: &session.redactor,
            folder: Some(folder.path()),
            is_resumed: false,
        };
        let published = publisher.publish(&view, &finished, view.at).await;
        for kind in published.events {
            reporters.on(&Event { at: view.at, kind });
        }
        reporters.on(&Event { at: view.at, kind: EventKind::RunFinished(finished) });
        let in_actions = session.host.in_actions();
        Ok(published.lost.map_or(exit, |lost| lost.show(in_actions, exit)))
    })
}

pub struct Merged<'a> {
    pub session: &'a PlanSession,
    pub counted: &'a Counted,
    /// The services that the jobs were to run.
    pub chosen: &'a BTreeSet<usize>,
}

impl Merged<'_> {
    fn runs(&self) -> &[JobRun] {
        &self.counted.runs
    }

    /// The runs without those whose services have all been run again since, as by "re-run failed
    /// jobs".
    fn deciding(&self) -> impl Iterator<Item = &JobRun> {
        self.runs().iter().filter(|run| {
            let mut own = run.finished.services.iter().filter(|one| !one.is_left_out()).peekable();
            let has_none = own.peek().is_none();
            let is_newest = |one: &ServiceResult| {
                self.run_of(&one.name).is_some_and(|(newest, _)| newest.id == run.id)
            };
            has_none || own.any(is_newest)
        })
    }

    /// The state and the end of one run that stands for all.
    pub fn whole(&self, id: &RunId) -> (View, RunFinished, Exit) {
        let services: Vec<ServiceResult> =
            (0..self.session.plan.services.len()).map(|service| self.service(service)).collect();
        let mut refusals = Vec::new();
        for failure in self.deciding().flat_map(|run| &run.finished.refusals) {
            if !refusals.contains(failure) {
                refusals.push(failure.clone());
            }
        }
        let status = self.status(&services);
        let cancelled = self.deciding().filter_map(|run| run.view.cancelled).max();
        let mut exit = Exit::of_run(status, cancelled, &services);
        let has_failure = services.iter().any(|service| service.failure.is_some());
        if status == Status::Failed && !has_failure {
            let is = |code: Exit| self.deciding().any(|run| run.finished.exit_code == code.code());
            let early = [Exit::Usage, Exit::Precondition].into_iter().find(|code| is(*code));
            exit = early.unwrap_or(exit);
        }
        // Where other jobs have changed something, the refusal of one is no refusal of all.
        let began = self.runs().iter().any(|run| !run.finished.is_refused());
        let mut notes = self.notes();
        if began {
            notes.extend(
                refusals
                    .drain(..)
                    .map(|failure| format!("a job was refused: {}", failure.chain.join(": "))),
            );
        }
        let finished = RunFinished {
            status,
            exit_code: exit.code(),
            services,
            refusals,
            is_resumed: false,
            notes,
        };
        (self.view(id), finished, exit)
    }

    /// The result of a service: that of the last run that did not leave it out.
    fn service(&self, service: usize) -> ServiceResult {
        let name = &self.session.plan.services.0[service].0.value;
        if let Some((_, found)) = self.run_of(name) {
            return found.clone();
        }
        let reason = if self.chosen.contains(&service) { NO_RUN } else { LEFT_OUT_BY_ONLY };
        ServiceResult {
            name: name.clone(),
            status: Status::Skipped,
            missing: None,
            reason: Some(reason.to_owned()),
            also_missing: Vec::new(),
            outputs: Outputs::new(),
            withdrawn: None,
            took: Duration::ZERO,
            failure: None,
            later_failures: Vec::new(),
            rollbacks: Vec::new(),
        }
    }

    fn run_of(&self, service: &str) -> Option<(&JobRun, &ServiceResult)> {
        self.runs().iter().rev().find_map(|run| {
            let mut services = run.finished.services.iter();
            let found = services.find(|one| one.name == service && !one.is_left_out())?;
            Some((run, found))
        })
    }

    fn status(&self, services: &[ServiceResult]) -> Status {
        let any = |status: Status| self.deciding().any(|run| run.finished.status == status);
        let lacks = |service: &ServiceResult| service.reason.as_deref() == Some(NO_RUN);
        if any(Status::Cancelled) {
            return Status::Cancelled;
        }
        let has_failed = |service: &ServiceResult| service.status == Status::Failed;
        // One that was refused or cut off, or whose failures are of no service.
        let is_failure = |run: &JobRun| {
            let services = &run.finished.services;
            run.finished.status == Status::Failed && !services.iter().any(has_failed)
        };
        if services.iter().any(|one| lacks(one) || has_failed(one))
            || self.deciding().any(is_failure)
        {
            return Status::Failed;
        }
        // What was left out on purpose, as for a fork.
        let is_prevented =
            |run: &JobRun| run.finished.status == Status::Skipped && !run.finished.is_idle();
        if self.deciding().any(is_prevented) || !any(Status::Succeeded) {
            return Status::Skipped;
        }
        Status::Succeeded
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.counted.notes.clone();
        for note in self.runs().iter().flat_map(|run| &run.finished.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes
    }

    /// The steps that the runs were to do, in the order of the plan's services.
    fn planned(&self) -> Vec<PlannedStep> {
        let mut all: Vec<PlannedStep> = Vec::new();
        for started in self.runs().iter().filter_map(|run| run.view.started.as_ref()) {
            let new = started.steps.iter().filter(|step| !all.iter().any(|one| one.id == step.id));
            let new: Vec<PlannedStep> = new.cloned().collect();
            all.extend(new);
        }
        let services = &self.session.plan.services;
        all.sort_by_key(|step| services.keys().position(|name| *name == step.id.service));
        all
    }

    /// The steps of all runs, on the clock of the first.
    fn view(&self, id: &RunId) -> View {
        let mut view = View::default();
        let began = self.runs().iter().filter_map(|run| Some((run, run.view.started.as_ref()?)));
        let Some((_, first)) = began.clone().next() else {
            let (subject, file) = (Subject::of(self.session), &self.session.file.name);
            view.started = Some(begin(&subject, file, id.to_string(), Vec::new()));
            return view;
        };
        let mut started = first.clone();
        started.run = id.to_string();
        started.from = None;
        let time = |text: &str| text.parse::<Timestamp>().ok();
        for (run, other) in began {
            let late = time(&other.started).zip(time(&first.started));
            let late = late.map(|(own, first)| own.duration_since(first));
            let late = late.and_then(|late| Duration::try_from(late).ok()).unwrap_or_default();
            view.at = view.at.max(run.view.at + late);
            for warning in &run.view.warnings {
                if !view.warnings.contains(warning) {
                    view.warnings.push(warning.clone());
                }
            }
        }
        started.steps = self.planned();
        view.steps = steps_of(&started.steps, |service| {
            let name = if service.is_empty() { &self.session.plan.name.value } else { service };
            self.run_of(name).map(|(run, _)| &run.view)
        });
        view.started = Some(started);
        view
    }
}

/// Each planned step as the run of its service has it.
fn steps_of<'v>(
    planned: &[PlannedStep],
    view_of: impl Fn(&String) -> Option<&'v View>,
) -> Vec<StepView> {
    let own = |step: &PlannedStep| view_of(&step.id.service)?.step(&step.id).cloned();
    planned.iter().map(|step| own(step).unwrap_or_else(|| step.clone().into())).collect()
}
