//! `shipway resume`: goes on where a run stopped.

use super::arguments::{ResumeArguments, RunArguments};
use super::dry_run::DryRun;
use super::exit::Exit;
use super::load::{BY_OPTION, load};
use super::pipeline::Pipeline;
use super::pipeline::reporters::Audience;
use super::run::reach;
use super::say;
use super::session::layout::{Chosen, choose};
use super::session::secrets::Sources;
use super::session::{Session, missing, state_folder};
use crate::journal::{
    Journal, JournalEntry, Replay, RunFolder, RunId, StartRecord, StepState, newest_unfinished,
    read,
};
use crate::plan::expr::Scope;
use crate::plan::schema::Action;
use crate::run::outcome::chain_of;

/// Goes on with the run that is named, or the newest that has not succeeded.
pub(super) fn resume(arguments: &ResumeArguments) -> Exit {
    match prepare(arguments) {
        Ok((session, chosen, journal)) => {
            super::in_runtime(go(arguments, &session, chosen, journal))
        }
        Err(exit) => exit,
    }
}

fn prepare(arguments: &ResumeArguments) -> Result<(Session, Chosen, Journal), Exit> {
    let loaded = load(&arguments.plan, BY_OPTION)?;
    let state = state_folder(arguments.state_dir.as_ref(), &loaded);
    let folder = find(arguments, &state)?;
    let mut journal = Journal::open(&folder.journal()).map_err(|error| {
        say::error(&chain_of(&error), None);
        Exit::Precondition
    })?;
    let Some(start) = journal.replay().start.clone() else {
        say::error(
            &[format!("run {} has not begun, so there is nothing to go on with", folder.run)],
            None,
        );
        return Err(Exit::Precondition);
    };
    if loaded.digest() != start.plan_digest && !arguments.changed_plan {
        say::error(
            &[format!("the plan has changed since run {} began", folder.run)],
            Some("start a new run, or go on all the same with `--changed-plan`"),
        );
        return Err(Exit::Usage);
    }
    let run = run_arguments(arguments, &start);
    let audience = Audience::Command(arguments.output);
    let session = Session::again(&run, &start, folder, audience.redactor())?;
    let mut chosen = choose(&session)?;
    chosen.mark_done(journal.replay());
    in_doubt(arguments, &session, &chosen, journal.replay())?;
    let at = jiff::Timestamp::now().to_string();
    journal.append(&JournalEntry::RunResumed { at }).map_err(|error| {
        say::error(&chain_of(&error), None);
        Exit::Precondition
    })?;
    Ok((session, chosen, journal))
}

async fn go(
    arguments: &ResumeArguments,
    session: &Session,
    chosen: Chosen,
    journal: Journal,
) -> Exit {
    let audience = Audience::Command(arguments.output);
    if session.dry_run {
        let dry = DryRun {
            session,
            world: &arguments.world,
            keep: arguments.keep,
            detach: false,
            skip_run: false,
            audience,
            inherited: None,
        };
        return dry.run(chosen, Some(journal)).await;
    }
    let reach = match reach(session) {
        Ok(reach) => reach,
        Err(trouble) => return missing(trouble, &session.redactor),
    };
    let environment = session.surroundings.env.clone();
    let pipeline = Pipeline {
        session,
        chosen,
        reach: &reach,
        sources: Sources { environment, ..Sources::default() },
        audience,
        skip_run: false,
        journal: Some(journal),
        inherited: None,
    };
    pipeline.run().await
}

fn find(arguments: &ResumeArguments, state: &std::path::Path) -> Result<RunFolder, Exit> {
    if let Some(name) = &arguments.run {
        let folder = RunFolder { state: state.to_owned(), run: RunId::existing(name) };
        if folder.journal().exists() {
            return Ok(folder);
        }
        say::error(&[format!("there is no run `{name}` in `{}`", state.display())], None);
        return Err(Exit::Usage);
    }
    let found = newest_unfinished(state, arguments.dry_run).map_err(|error| {
        say::error(&chain_of(&error), None);
        Exit::Precondition
    })?;
    found.ok_or_else(|| {
        let kind = if arguments.dry_run { "dry run" } else { "run" };
        say::error(
            &[format!("there is no unfinished {kind} in `{}`", state.display())],
            Some("name a run, or the plan's file with `--plan`; a dry run needs `--dry-run`"),
        );
        Exit::Usage
    })
}

/// The command line of the run, as its journal keeps it.
fn run_arguments(arguments: &ResumeArguments, start: &StartRecord) -> RunArguments {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let only = start.selection["only"].as_array().into_iter().flatten();
    RunArguments {
        plan: arguments.plan.clone(),
        from: text(&start.selection["from"]),
        until: text(&start.selection["until"]),
        only: only.filter_map(text).collect(),
        keep_going: start.options["keep-going"].as_bool().unwrap_or_default(),
        comment_key: text(&start.options["comment-key"]),
        allow_fork_deploy: text(&start.options["allow-fork-deploy"]),
        state_dir: arguments.state_dir.clone(),
        output: arguments.output,
        verbose: arguments.verbose,
        ..RunArguments::default()
    }
}

/// A `run` step of which it is not known whether it was done is not repeated
/// unless somebody says that it may be.
fn in_doubt(
    arguments: &ResumeArguments,
    session: &Session,
    chosen: &Chosen,
    replay: &Replay,
) -> Result<(), Exit> {
    for (layout, (_, step)) in chosen.layout.steps.iter().zip(chosen.steps(session)) {
        let doubtful = replay.state(&layout.id) == StepState::InDoubt;
        if !doubtful
            || !matches!(step.action, Action::Run(_))
            || is_idempotent(step, &session.scope)
        {
            continue;
        }
        let id = layout.id.to_string();
        if arguments.rerun.contains(&id) || arguments.rerun.contains(&layout.id.step) {
            continue;
        }
        say::error(
            &[format!("`{id}` was started, and it is not known whether it was done")],
            Some(&format!(
                "repeat it with `--rerun {id}`, or let the plan say `idempotent: true` for it"
            )),
        );
        return Err(Exit::Precondition);
    }
    Ok(())
}

fn is_idempotent(step: &crate::plan::schema::Step, scope: &Scope) -> bool {
    step.idempotent.resolve(scope).unwrap_or_default()
}

/// What the newest run of the same kind left, for a run that begins later in
/// the plan; where that began later too, also what those before it left.
pub(super) fn inherited(session: &Session) -> Option<Replay> {
    session.arguments.from.as_ref()?;
    let runs = std::fs::read_dir(session.run.state.join("runs")).ok()?;
    let mut names: Vec<String> =
        runs.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let earlier = names.iter().rev().filter(|name| *name != session.run.run.as_str());
    let mut left: Option<Replay> = None;
    for name in earlier {
        let folder = RunFolder { state: session.run.state.clone(), run: RunId::existing(name) };
        let Ok(replay) = read(&folder.journal()) else { continue };
        let Some(start) = replay.start.clone().filter(|it| it.dry_run == session.dry_run) else {
            continue;
        };
        match &mut left {
            Some(left) => left.fill_from(replay),
            None => left = Some(replay),
        }
        if start.selection["from"].is_null() {
            break;
        }
    }
    left
}
