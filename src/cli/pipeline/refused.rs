//! Reports a run that was refused before its first step, as a run that ended: an
//! earlier check mark on the pull request must not stand for it.

use super::audience::Audience;
use super::origin::started;
use super::publish::{EnvironmentName, LostOutputs, Publisher, Subject};
use crate::cli::exit::Exit;
use crate::cli::plan_file::PlanFile;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::cli::session::base_plan::plan_of_refused;
use crate::cli::session::connections::{Connections, GitHubConnection};
use crate::cli::session::run::{RunSession, state_folder};
use crate::cli::session::{PlanSession, host_environment, request};
use crate::event::{Event, EventKind, RunFinished, Status};
use crate::github::actions::append;
use crate::http::Client;
use crate::journal::{RunFolder, RunId, RunOptions};
use crate::plan::schema::Plan;
use crate::report::LiveOptions;
use crate::resolve::{HostEnvironment, ResolveInputs, Resolved, secret_sources};
use crate::secret::Redactor;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the command line asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The plan's file.
    pub plan: &'a Path,
    pub options: &'a RunOptions,
    pub state_dir: Option<&'a Path>,
    pub audience: Audience<'a>,
    pub redactor: &'a Redactor,
}

/// A refused run, as far as it is known.
struct RefusedRun<'a> {
    audience: Audience<'a>,
    redactor: &'a Redactor,
    subject: Subject,
    /// The plan's file as given on the command line.
    file: String,
    id: String,
    host: &'a HostEnvironment,
    github: MaybeGitHub,
    folder: Option<PathBuf>,
    /// Whether an earlier process has begun the run.
    is_resumed: bool,
    notes: Vec<String>,
}

/// What is known of a run that has no session.
struct EarlyRefusal {
    file: PlanFile,
    host: HostEnvironment,
    id: RunId,
    subject: Subject,
}

impl EarlyRefusal {
    fn of(asked: Asked<'_>) -> Self {
        let Asked { plan, options, redactor, .. } = asked;
        let file = plan_of_refused(plan, options, redactor);
        let host = host_environment(&file, options);
        let id = RunId::new();
        let empty = Plan::empty();
        let known = file.known_plan();
        let allowed = options.allow_fork_deploy.as_deref();
        let plan = known.unwrap_or(&empty);
        let inputs = ResolveInputs { plan, host: &host, redactor, allowed };
        // Nothing here depends on variables, and those of the command line may be wrong.
        let without_variables = RunOptions { set: Vec::new(), ..options.clone() };
        let asked = request(&without_variables, &file, &id).unwrap_or_default();
        let (resolved, is_chosen) = Resolved::as_far_as_known(&inputs, &asked);
        mask_sources(&inputs, &resolved);
        let mut subject = Subject::new(known, &resolved, options);
        // The comment of a plan with an error of syntax is found by the name that is written in it.
        subject.plan = subject.plan.or_else(|| file.written_name());
        if known.is_none() || !is_chosen || !file.has_certain_environments() {
            subject.environment = EnvironmentName::Unknown;
        } else if known.is_some_and(|plan| plan.environments.len() > 0) {
            subject.lacks_environment(&resolved);
        }
        Self { file, host, id, subject }
    }
}

/// Posts, where the plan asks for a comment about what it would do, that it could not be
/// planned: the plan or the command line is wrong, or the contexts cannot be resolved.
pub async fn plan_refused_early(asked: Asked<'_>, refusal: Refusal) -> Exit {
    let EarlyRefusal { host, subject, .. } = EarlyRefusal::of(asked);
    let github = connection(&subject, asked.options, &host, asked.redactor);
    post_plan_refused(&subject, &host, asked.redactor, (github, refusal)).await
}

/// The same, once the contexts were resolved.
pub async fn plan_refused(run: &RunSession, refusal: Refusal) -> Exit {
    let PlanSession { plan, options, host, redactor, resolved, .. } = &run.session;
    let allowed = options.allow_fork_deploy.as_deref();
    mask_sources(&ResolveInputs { plan, host, redactor, allowed }, resolved);
    let mut subject = Subject::of(&run.session);
    if refusal.lacks_environment {
        subject.lacks_environment(resolved);
    }
    let github = connection(&subject, options, host, redactor);
    post_plan_refused(&subject, host, redactor, (github, refusal)).await
}

type MaybeGitHub = Option<(Client, Option<GitHubConnection>)>;

async fn post_plan_refused(
    subject: &Subject,
    host: &HostEnvironment,
    redactor: &Redactor,
    (github, refusal): (MaybeGitHub, Refusal),
) -> Exit {
    if subject.has_plan_comment() {
        let github = github.as_ref().and_then(|(http, github)| Some((http, github.as_ref()?)));
        let publisher =
            Publisher { subject, github, host, redactor, folder: None, is_resumed: false };
        for line in publisher.plan_refused(refusal.failures).await {
            say::tell(&line);
        }
    }
    refusal.exit
}

/// Reports a run that was refused before it had a session: the plan or the command
/// line is wrong, or the contexts cannot be resolved.
pub async fn refused_early(asked: Asked<'_>, refusal: Refusal) -> Exit {
    let Asked { options, state_dir, audience, redactor, .. } = asked;
    let EarlyRefusal { file, host, id, subject } = EarlyRefusal::of(asked);
    // In a workflow, a later step may read the result.
    let folder = host
        .var("GITHUB_OUTPUT")
        .and_then(|_| RunFolder::create(&state_folder(state_dir, &file), id.clone()).ok())
        .map(|folder| folder.path());
    let github = connection(&subject, options, &host, redactor);
    let left = refusal.may_leave_preview.then(|| left_preview(&subject, options)).flatten();
    if let Some(note) = &left {
        say::tell(&format!("note: {note}"));
    }
    let run = RefusedRun {
        audience,
        redactor,
        subject,
        file: file.name.clone(),
        id: id.to_string(),
        host: &host,
        github,
        folder,
        is_resumed: false,
        notes: left.into_iter().collect(),
    };
    run.report(refusal).await
}

/// A note that the preview of a closed pull request is still there.
fn left_preview(subject: &Subject, options: &RunOptions) -> Option<String> {
    let number = subject.pull_request.filter(|_| subject.is_closed())?;
    let note = format!(
        "the preview of pull request {number} was not removed; `shipway sweep` removes it, which \
         needs no plan"
    );
    Some(options.command_context().complete(&note))
}

/// Reports a run that was refused once its contexts were resolved. Without
/// `connections` they could not be made.
pub async fn refused(
    run: &RunSession,
    connections: Option<&Connections>,
    audience: Audience<'_>,
    refusal: Refusal,
) -> Exit {
    let RunSession { session, folder, .. } = run;
    let PlanSession { plan, options, host, redactor, resolved, file, .. } = session;
    let allowed = options.allow_fork_deploy.as_deref();
    mask_sources(&ResolveInputs { plan, host, redactor, allowed }, resolved);
    let mut subject = Subject::of(session);
    if refusal.lacks_environment {
        subject.lacks_environment(resolved);
    }
    let github = match connections {
        Some(made) => Some((made.http.clone(), made.github.clone())),
        None => connection(&subject, options, host, redactor),
    };
    let run = RefusedRun {
        audience,
        redactor,
        subject,
        file: file.name.clone(),
        id: folder.run.to_string(),
        host,
        github,
        folder: Some(folder.path()),
        // The journal of a new run is begun with its first step.
        is_resumed: folder.journal().exists(),
        notes: Vec::new(),
    };
    run.report(refusal).await
}

/// Writes the output `status` of a command that is no run. Returns the exit of the
/// process.
pub fn write_status(status: &str, exit: Exit) -> Exit {
    let Some(file) = std::env::var_os("GITHUB_OUTPUT").filter(|file| !file.is_empty()) else {
        return exit;
    };
    match append(Path::new(&file), &[("status".to_owned(), status.to_owned())]) {
        Ok(()) => exit,
        Err(error) => LostOutputs::of(&error, &Redactor::default()).show(true, exit),
    }
}

/// Masks the secrets that have not been read yet and that this process could know:
/// the values of the variables that they are read from.
fn mask_sources(inputs: &ResolveInputs<'_>, resolved: &Resolved) {
    let Ok(scope) = resolved.start_scope(inputs) else { return };
    for name in secret_sources(inputs.plan, &scope) {
        if let Some(value) = inputs.host.var(&name) {
            inputs.redactor.adopt(&format!("env.{name}"), value.to_owned());
        }
    }
}

/// GitHub, for a run whose connections could not be made. A dry run asks its own
/// GitHub alone, which is not up then.
fn connection(
    subject: &Subject,
    options: &RunOptions,
    host: &HostEnvironment,
    redactor: &Redactor,
) -> MaybeGitHub {
    if subject.dry_run {
        return None;
    }
    // The local cloud has a repository of its own.
    let is_local = options.cloud.is_some();
    let repository = subject.repository.clone().or_else(|| is_local.then(String::new))?;
    GitHubConnection::alone(options, host, redactor, repository).ok()
}

impl RefusedRun<'_> {
    async fn report(self, refusal: Refusal) -> Exit {
        let Refusal { exit, failures, .. } = refusal;
        let mut reporters = self.audience.reporters(self.redactor, LiveOptions::default);
        let finished = RunFinished {
            status: Status::Failed,
            exit_code: exit.code(),
            services: Vec::new(),
            refusals: failures,
            is_resumed: self.is_resumed,
            notes: self.notes,
        };
        reporters.assume(started(&self.subject, &self.file, self.id, Vec::new()));
        let github = self.github.as_ref();
        let publisher = Publisher {
            subject: &self.subject,
            github: github.and_then(|(http, github)| Some((http, github.as_ref()?))),
            host: self.host,
            redactor: self.redactor,
            folder: self.folder,
            // Without a step there is no deployment, and a comment is looked for always.
            is_resumed: false,
        };
        let view = reporters.view().clone();
        let reported = publisher.publish(&view, &finished, Duration::ZERO).await;
        for kind in reported.events {
            reporters.on(&Event { at: Duration::ZERO, kind });
        }
        reporters.on(&Event { at: Duration::ZERO, kind: EventKind::RunFinished(finished) });
        let in_actions = self.host.in_actions();
        reported.lost.map_or(exit, |lost| lost.show(in_actions, exit))
    }
}
