//! A plan with its contexts resolved: what a command has before it asks a server
//! or changes anything.
//!
//! `base_plan` reads the plan of a run. `run` adds the folder of a run, `layout` chooses its steps, `secrets` reads
//! what they need, `put_back` says what of the plan puts an earlier version back,
//! `repositories` finds where it pushes to,
//! `inherit` finds what earlier runs left, `sources` compares what it was made from with
//! what is checked out, `connections` and `github` say how servers are reached, `lookup`
//! asks GitHub for the pull request.

pub mod base_plan;
pub mod connections;
pub mod github;
pub mod inherit;
pub mod layout;
pub mod listing;
mod lookup;
pub mod lost_outputs;
pub mod plan_reader;
pub mod put_back;
pub mod repositories;
pub mod retries;
pub mod run;
pub mod secrets;
mod signers;
pub mod sources;
#[cfg(test)]
pub mod testing;

use crate::cli::exit::Exit;
use crate::cli::plan_file::PlanFile;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::event::Failure;
use crate::http::Retryable;
use crate::journal::{RunId, RunOptions};
use crate::local::CloudFile;
use crate::plan::Diagnostic;
use crate::plan::expr::Scope;
use crate::plan::schema::Plan;
use crate::resolve::{
    EventSource, HostEnvironment, ResolveError, ResolveInputs, ResolveRequest, Resolved,
    RunIdentity, Trigger, name_registries,
};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;
use crate::value::CommandContext;
use jiff::Timestamp;
use lookup::Lookup;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The subscription of a dry run whose plan and environment name none.
const LOCAL_SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";

pub struct PlanSession {
    /// With what the chosen environment says in place of the plan's settings.
    pub plan: Arc<Plan>,
    pub file: PlanFile,
    pub options: RunOptions,
    pub host: HostEnvironment,
    pub redactor: Redactor,
    /// The contexts, as the journal keeps them.
    pub resolved: Resolved,
    /// The contexts, as expressions see them. Without secrets and outputs.
    pub scope: Scope,
    /// Whether the plan may have no secret, login or other credential, because its code is
    /// a fork's, or may be.
    pub withholds: bool,
}

/// The plan of a run, and what had to be known before it was read.
pub struct RunPlan {
    pub file: PlanFile,
    trigger: Option<Trigger>,
}

impl From<PlanFile> for RunPlan {
    fn from(file: PlanFile) -> Self {
        Self { file, trigger: None }
    }
}

impl PlanSession {
    /// Resolves the contexts of a plan that is not run.
    pub fn without_run(
        file: PlanFile,
        options: &RunOptions,
        redactor: Redactor,
    ) -> Result<Self, Refusal> {
        Self::with(file, options, redactor, |inputs, file| {
            let request = request(options, file, &RunId::new())?;
            let request = ResolveRequest { any_tree: true, ..request };
            Resolved::resolve(inputs, &request).map_err(|error| show_resolve_error(file, &error))
        })
    }

    /// Resolves the contexts of a run, and asks GitHub about the pull request where
    /// the event does not describe it.
    pub fn of_run(
        plan: RunPlan,
        options: &RunOptions,
        redactor: Redactor,
        id: &RunId,
    ) -> Result<Self, Refusal> {
        let RunPlan { file, trigger } = plan;
        Self::with(file, options, redactor, |inputs, file| {
            let request = request(options, file, id)?;
            let trigger = match trigger {
                Some(trigger) => trigger,
                None => complete_trigger(inputs, &request, options, file)?,
            };
            let resolved = Resolved::of(inputs, &request, trigger);
            let mut resolved = resolved.map_err(|error| show_resolve_error(file, &error))?;
            if let Some(base) = &file.commit {
                resolved.notices.push(format!("the plan is that of {base}, and not the fork's"));
                resolved.plan_commit = Some(base.commit.clone());
            }
            Ok(resolved)
        })
    }

    /// With the contexts that `resolve` finds.
    fn with(
        file: PlanFile,
        options: &RunOptions,
        redactor: Redactor,
        resolve: impl FnOnce(&ResolveInputs<'_>, &PlanFile) -> Result<Resolved, Refusal>,
    ) -> Result<Self, Refusal> {
        let is_put_back = options.put_back.is_some();
        let file = if is_put_back { file.without_warnings() } else { file };
        let (mut plan, file) = file.into_plan()?;
        if let Some(put_back) = &options.put_back {
            put_back::fix_image(&mut plan, put_back);
        }
        let host = host_environment(&file, options);
        let allowed = options.allow_fork_deploy.as_deref();
        let inputs = ResolveInputs { plan: &plan, host: &host, redactor: &redactor, allowed };
        let resolved = resolve(&inputs, &file)?;
        let withholds = resolved.withholds(allowed);
        let scope = resolved
            .scope(&inputs)
            .map_err(|error| show_resolve_error(&file, &ResolveError::Expression(error)))?;
        let chosen = resolved.environment.as_ref().map(|chosen| chosen.name.as_str());
        name_registries(&mut plan, chosen, &scope)
            .map_err(|error| show_resolve_error(&file, &ResolveError::Expression(error)))?;
        if let Some(chosen) = chosen {
            plan.take_environment(chosen);
        }
        Ok(Self {
            plan: Arc::new(plan),
            file,
            options: options.clone(),
            host,
            redactor,
            resolved,
            scope,
            withholds,
        })
    }

    pub fn is_dry_run(&self) -> bool {
        self.options.dry_run.is_some()
    }

    /// What commands in messages need to mean the same as this one.
    pub fn command_context(&self) -> CommandContext {
        let pull_request = self.resolved.pull_request.as_ref();
        let of_event = pull_request.filter(|_| !self.is_dry_run()).map(|found| found.number);
        let chosen = self.resolved.environment.as_ref().map(|chosen| chosen.name.clone());
        CommandContext {
            plan: (!self.file.is_none()).then(|| self.file.name.clone()),
            env: self.options.env.clone().or(chosen),
            pr: self.options.pr.or(of_event),
            ..self.options.command_context()
        }
    }

    /// Shows what stops a command of this plan.
    pub fn show_step_error(&self, error: StepError) -> Exit {
        show_step_error(error.completed(&self.command_context()), &self.redactor)
    }
}

/// What started the run, completed by GitHub where the event does not describe the pull
/// request.
fn complete_trigger(
    inputs: &ResolveInputs<'_>,
    request: &ResolveRequest,
    options: &RunOptions,
    file: &PlanFile,
) -> Result<Trigger, Refusal> {
    let (host, redactor) = (inputs.host, inputs.redactor);
    let mut trigger =
        Trigger::read(inputs, request).map_err(|error| show_resolve_error(file, &error.into()))?;
    Lookup { options, host, redactor }
        .complete(&mut trigger, request)
        .map_err(|error| show_step_error(error, redactor))?;
    Ok(trigger)
}

/// Shows why the contexts cannot be resolved, with the line of the plan if an
/// expression is to blame.
pub fn show_resolve_error(file: &PlanFile, error: &ResolveError) -> Refusal {
    let exit = if error.is_usage() { Exit::Usage } else { Exit::Precondition };
    match error {
        ResolveError::Expression(error) => {
            let mut diagnostic = Diagnostic::error(error.code, error.message.clone(), &error.span);
            diagnostic.help.clone_from(&error.help);
            say::tell(&file.drawn(&[diagnostic]));
            let (chain, help) = (vec![error.message.clone()], error.help.clone());
            let failure = Failure { chain, help, ..Failure::default() };
            Refusal::new(exit, vec![file.failure_at(&error.span, failure)])
        }
        other => Refusal {
            lacks_environment: other.lacks_environment(),
            ..say::refused(exit, &chain_of(other), other.help().as_deref())
        },
    }
}

/// Shows what stops a command.
pub fn show_step_error(error: StepError, redactor: &Redactor) -> Exit {
    let exit = exit_of(&error);
    let failure = error.shown(redactor, None);
    say::error(&failure.chain, failure.help.as_deref());
    exit
}

fn exit_of(error: &StepError) -> Exit {
    if error.is_usage { Exit::Usage } else { Exit::Precondition }
}

/// Shows what stops a run before it has begun.
pub fn refuse(session: &PlanSession, error: StepError) -> Refusal {
    let exit = exit_of(&error);
    let source = session.file.source();
    let span = error.span.clone();
    let place = span.as_ref().map(|span| source.place(span));
    let error = error.completed(&session.command_context());
    let mut failure = error.shown(&session.redactor, place);
    say::error(&failure.chain, failure.help.as_deref());
    if let Some(span) = span {
        let lines = source.lines(&span);
        let lines: Vec<String> = lines.iter().map(|line| session.redactor.redact(line)).collect();
        say::tell(&lines.join("\n"));
        if failure.details.is_empty() {
            failure.details = lines;
        }
    }
    Refusal::new(exit, vec![failure])
}

/// The environment of this process. A dry run sees no real credential, and has a
/// subscription of its own if none is named.
pub(in crate::cli) fn host_environment(file: &PlanFile, options: &RunOptions) -> HostEnvironment {
    let mut env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    if options.dry_run.is_some() {
        env.retain(|name, _| crate::resolve::credentials::credential(name).is_none());
        let subscription = env.entry("AZURE_SUBSCRIPTION_ID".to_owned()).or_default();
        if subscription.is_empty() {
            LOCAL_SUBSCRIPTION.clone_into(subscription);
        }
    }
    HostEnvironment { env, dir: file.folder.clone(), cloud_repository: cloud_repository(options) }
}

/// The repository that a local cloud was made for. A file that cannot be read is an error of
/// what connects to the cloud.
fn cloud_repository(options: &RunOptions) -> Option<String> {
    let file = CloudFile::read(options.cloud.as_ref()?).ok()?;
    Some(file.github?.repository)
}

/// What the command line asks of resolving.
pub(in crate::cli) fn request(
    options: &RunOptions,
    file: &PlanFile,
    id: &RunId,
) -> Result<ResolveRequest, Refusal> {
    let here = std::env::current_dir().unwrap_or_default();
    let dry_run = options.dry_run.is_some();
    let event = match &options.event {
        Some(event) => EventSource::parse(event, &here),
        None if dry_run => EventSource::EnvironmentOrPullRequest,
        None => EventSource::Environment,
    };
    // To the second: no name needs more.
    let started = id.began().and_then(|time| Timestamp::from_second(time.as_second()).ok());
    Ok(ResolveRequest {
        environment: options.env.clone(),
        set: options.set.iter().map(|text| assignment(text)).collect::<Result<_, _>>()?,
        event,
        pull_request: options.pr,
        any_tree: options.put_back.is_some(),
        source: put_back::source(options),
        run: RunIdentity {
            id: id.to_string(),
            started: started.map(|time| time.to_string()),
            attempt: 1,
            dry_run,
        },
        plan_text: file.text.text().to_owned(),
    })
}

fn assignment(text: &str) -> Result<(String, String), Refusal> {
    let Some((name, value)) = text.split_once('=') else {
        let what = format!("`--set {text}` sets nothing");
        return Err(say::refused(Exit::Usage, &[what], Some("write `--set NAME=VALUE`")));
    };
    Ok((name.trim().to_owned(), value.to_owned()))
}
