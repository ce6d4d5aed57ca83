//! One run before it begins: the plan read, the contexts resolved, the steps
//! chosen. Nothing has been changed and nobody has been asked yet.

pub(in crate::cli) mod layout;
pub(in crate::cli) mod reach;
pub(in crate::cli) mod secrets;

use crate::cli::arguments::RunArguments;
use crate::cli::exit::Exit;
use crate::cli::load::{BY_OPTION, BY_POSITION, Loaded, load};
use crate::cli::say;
use crate::http::Retryable;
use crate::journal::{RunFolder, RunId, StartRecord};
use crate::plan::expr::Scope;
use crate::plan::schema::Plan;
use crate::plan::{Diagnostic, render};
use crate::resolve::{
    EventSource, HostEnvironment, Request, ResolveError, ResolveInputs, Resolved, RunIdentity,
};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Stands for the subscription in a dry run that is told none.
pub(in crate::cli) const LOCAL_SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";

/// One run before it begins.
pub(in crate::cli) struct Session {
    /// The plan.
    pub(in crate::cli) plan: Arc<Plan>,
    /// Its file and text.
    pub(in crate::cli) loaded: Loaded,
    /// The command line.
    pub(in crate::cli) arguments: RunArguments,
    /// Where Shipway was started.
    pub(in crate::cli) surroundings: HostEnvironment,
    /// Knows all secrets.
    pub(in crate::cli) redactor: Redactor,
    /// The contexts, as the journal keeps them.
    pub(in crate::cli) resolved: Resolved,
    /// The same, as expressions see them.
    pub(in crate::cli) scope: Scope,
    /// Whether it runs against the local cloud.
    pub(in crate::cli) dry_run: bool,
    /// Where it keeps its state.
    pub(in crate::cli) run: RunFolder,
    /// Where the local cloud of a dry run keeps its state.
    pub(in crate::cli) local: PathBuf,
}

impl Session {
    /// Reads and resolves; says what is wrong and how to exit where that fails.
    pub(in crate::cli) fn prepare(
        arguments: &RunArguments,
        dry_run: bool,
        redactor: Redactor,
    ) -> Result<Self, Exit> {
        Self::of(load(&arguments.plan, BY_POSITION)?, arguments, dry_run, redactor)
    }

    /// The same with a plan that is read.
    pub(in crate::cli) fn of(
        loaded: Loaded,
        arguments: &RunArguments,
        dry_run: bool,
        redactor: Redactor,
    ) -> Result<Self, Exit> {
        let (plan, loaded) = loaded.sound()?;
        let surroundings = surroundings(&loaded, dry_run);
        let run = RunId::new();
        let request = request(arguments, &loaded, dry_run, &run)?;
        let grounds =
            ResolveInputs { plan: &plan, surroundings: &surroundings, redactor: &redactor };
        let resolved =
            Resolved::resolve(&grounds, &request).map_err(|error| refuse(&loaded, &error))?;
        let scope = resolved
            .scope(&grounds)
            .map_err(|error| refuse(&loaded, &ResolveError::Expression(error)))?;
        let state = state_folder(arguments.state_dir.as_ref(), &loaded);
        let run = create(&state, run)?;
        Ok(Self {
            local: run.local(),
            plan: Arc::new(plan),
            arguments: arguments.clone(),
            loaded,
            surroundings,
            redactor,
            resolved,
            scope,
            dry_run,
            run,
        })
    }

    /// The session of a run that has begun before: its contexts are those of
    /// its journal, and nothing is resolved anew but secrets.
    pub(in crate::cli) fn again(
        arguments: &RunArguments,
        start: &StartRecord,
        run: RunFolder,
        redactor: Redactor,
    ) -> Result<Self, Exit> {
        let (plan, loaded) = load(&arguments.plan, BY_OPTION)?.sound()?;
        let surroundings = surroundings(&loaded, start.dry_run);
        let resolved: Resolved =
            serde_json::from_value(start.resolved.clone()).map_err(|error| {
                let doing = format!("read what run {} had resolved", run.run);
                say::error(&[doing, error.to_string()], Some("start a new run"));
                Exit::Precondition
            })?;
        let grounds =
            ResolveInputs { plan: &plan, surroundings: &surroundings, redactor: &redactor };
        let scope = resolved
            .scope(&grounds)
            .map_err(|error| refuse(&loaded, &ResolveError::Expression(error)))?;
        let local = start.options["local"].as_str().map(PathBuf::from);
        Ok(Self {
            local: local.unwrap_or_else(|| run.local()),
            plan: Arc::new(plan),
            arguments: arguments.clone(),
            loaded,
            surroundings,
            redactor,
            resolved,
            scope,
            dry_run: start.dry_run,
            run,
        })
    }
}

/// Shows why the contexts cannot be resolved, in the plan where it is there.
pub(in crate::cli) fn refuse(loaded: &Loaded, error: &ResolveError) -> Exit {
    match error {
        ResolveError::Expression(error) => {
            let mut diagnostic = Diagnostic::error(error.code, error.message.clone(), &error.span);
            diagnostic.help.clone_from(&error.help);
            say::tell(&render(&loaded.file, &loaded.text, &[diagnostic], say::color()));
        }
        other => say::error(&chain_of(other), other.help().as_deref()),
    }
    if error.exit_code() == 2 { Exit::Usage } else { Exit::Precondition }
}

/// Shows everything that stops a run before it has begun.
pub(in crate::cli) fn all_missing(troubles: Vec<StepError>, redactor: &Redactor) -> Exit {
    for trouble in troubles {
        missing(trouble, redactor);
    }
    Exit::Precondition
}

/// Shows what stops a run before it has begun.
pub(in crate::cli) fn missing(trouble: StepError, redactor: &Redactor) -> Exit {
    let failure = trouble.shown(redactor, None);
    say::error(&failure.chain, failure.help.as_deref());
    Exit::Precondition
}

/// `.shipway` beside the plan, unless the command line says otherwise.
pub(in crate::cli) fn state_folder(given: Option<&PathBuf>, loaded: &Loaded) -> PathBuf {
    let given = given.map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
    given.unwrap_or_else(|| loaded.folder.join(".shipway"))
}

/// Makes the run's folder.
pub(in crate::cli) fn create(state: &Path, run: RunId) -> Result<RunFolder, Exit> {
    RunFolder::create(state, run).map_err(|error| {
        say::error(
            &[format!("make the state folder `{}`", state.display()), error.to_string()],
            Some("name another folder with `--state-dir`"),
        );
        Exit::Precondition
    })
}

/// The process's environment. A dry run knows no real credential, and a
/// subscription of its own where none is named.
pub(in crate::cli) fn surroundings(loaded: &Loaded, dry_run: bool) -> HostEnvironment {
    let mut env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    if dry_run {
        env.retain(|name, _| crate::resolve::credentials::credential(name).is_none());
        let subscription = env.entry("AZURE_SUBSCRIPTION_ID".to_owned()).or_default();
        if subscription.is_empty() {
            LOCAL_SUBSCRIPTION.clone_into(subscription);
        }
    }
    HostEnvironment { env, dir: loaded.folder.clone() }
}

fn request(
    arguments: &RunArguments,
    loaded: &Loaded,
    dry_run: bool,
    run: &RunId,
) -> Result<Request, Exit> {
    let here = std::env::current_dir().unwrap_or_default();
    let event = match &arguments.event {
        Some(event) => EventSource::parse(event, &here),
        None if dry_run => EventSource::EnvironmentOrPullRequest,
        None => EventSource::Environment,
    };
    Ok(Request {
        environment: arguments.env.clone(),
        set: assignments(&arguments.set)?,
        event,
        pull_request: arguments.pr,
        run: RunIdentity { id: run.to_string(), attempt: 1, dry_run },
        plan_text: loaded.text.clone(),
    })
}

fn assignments(set: &[String]) -> Result<Vec<(String, String)>, Exit> {
    let split = |text: &String| {
        let (name, value) = text.split_once('=')?;
        Some((name.trim().to_owned(), value.to_owned()))
    };
    set.iter()
        .map(|text| {
            split(text).ok_or_else(|| {
                say::error(
                    &[format!("`--set {text}` sets nothing")],
                    Some("write `--set NAME=VALUE`"),
                );
                Exit::Usage
            })
        })
        .collect()
}
