//! `shipway resume`: continues a run that stopped.

use super::dry_run::DryRun;
use super::exit::Exit;
use super::pipeline::audience::{Audience, ViewOptions};
use super::pipeline::refused;
use super::plan_file::{PLAN_OPTION_HELP, PlanFile, absolute_plan};
use super::refusal::Refusal;
use super::run::RealRun;
use super::runtime::{block_on, block_on_all_processors};
use super::say;
use super::session::base_plan::recorded_plan;
use super::session::inherit::inherited;
use super::session::layout::{Chosen, choose};
use super::session::run::{RunSession, state_folder};
use super::session::sources::{refuse_changed, refuse_inherited};
use crate::journal::{
    DamagedRun, Journal, JournalEntry, JournalError, LocalCloudOptions, Replay, RunFolder, RunId,
    StartRecord, StepState, UnfinishedRun, newest_unfinished,
};
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, Step};
use crate::run::outcome::chain_of;
use crate::run::perform::digest_of_step;
use crate::value::CommandContext;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway resume                                the newest unfinished run
  shipway resume --rerun migrations.run         and repeat a step that was under way

Exit codes: as `run` has them; 2 there is no such run, or it cannot go on as asked")]
pub struct ResumeArguments {
    /// Continue the run with this id instead of the newest unfinished one
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Read the plan from this file, beside which the state is kept
    #[arg(long, default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    /// Continue a dry run, with its own local cloud
    #[arg(long)]
    pub dry_run: bool,
    /// Continue although the plan has changed since
    #[arg(long)]
    pub changed_plan: bool,
    /// Repeat a step that was interrupted, and that may have been done
    #[arg(long, value_name = "STEP")]
    pub rerun: Vec<String>,
    /// Keep everything up after the dry run, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    #[command(flatten)]
    pub cloud: LocalCloudOptions,
    /// Find the state here instead of in `.shipway` beside the plan
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    #[command(flatten)]
    pub view: ViewOptions,
}

/// Continues the run that is named, or the newest that has not succeeded.
pub fn resume(arguments: &ResumeArguments) -> Result<Exit, Exit> {
    let (mut run, mut journal) = prepare(arguments)?;
    let inherited = inherited(&mut run);
    let chosen = choose(&run.session);
    if let Ok(chosen) = &chosen {
        // A mistake in this command line says nothing of the run.
        for name in &arguments.rerun {
            chosen.refuse_unknown("--rerun", name)?;
        }
    }
    let prepared = chosen
        .and_then(|chosen| refuse_inherited(&run, chosen, inherited.as_ref()))
        .and_then(|chosen| continue_journal(arguments, &run, chosen, &mut journal));
    match prepared {
        Ok(chosen) => block_on_all_processors(async {
            let remaining = Remaining { chosen, journal, inherited };
            Ok(Box::pin(continue_run(arguments, &run, remaining)).await)
        }),
        Err(refusal) => block_on(async {
            Err(refused(&run, None, Audience::Command(&arguments.view), refusal).await)
        }),
    }
}

/// Opens the journal of the run. Errors here are printed and not reported, because no run
/// goes on.
fn prepare(arguments: &ResumeArguments) -> Result<(RunSession, Journal), Exit> {
    let file = PlanFile::read(&arguments.plan, PLAN_OPTION_HELP)?;
    let state = state_folder(arguments.state_dir.as_deref(), &file);
    let folder = find_run(arguments, &state)?;
    let journal =
        Journal::open(&folder.journal()).map_err(|error| refuse_journal(&error, arguments))?;
    let file = match &journal.replay().start {
        Some(start) => recorded_plan(&arguments.plan, file, &start.resolved)?,
        None => file,
    };
    let start = start_record(arguments, &file, &folder, journal.replay())?;
    let redactor = Audience::Command(&arguments.view).redactor();
    Ok((RunSession::resume(file, start, folder, redactor)?, journal))
}

/// Chooses the steps that are left, and records in the journal that the run goes on.
fn continue_journal(
    arguments: &ResumeArguments,
    run: &RunSession,
    mut chosen: Chosen,
    journal: &mut Journal,
) -> Result<Chosen, Refusal> {
    chosen.mark_done(journal.replay());
    refuse_changed(run, &mut chosen, arguments.changed_plan)?;
    refuse_in_doubt(arguments, run, &chosen, journal.replay())?;
    chosen.warnings.extend(done_before_change(run, &chosen, journal.replay()));
    let at = jiff::Timestamp::now().to_string();
    let written = journal.append(&JournalEntry::RunResumed { at });
    written.map_err(|error| say::refused(Exit::Precondition, &chain_of(&error), None))?;
    Ok(chosen)
}

struct Remaining {
    chosen: Chosen,
    journal: Journal,
    /// What the runs before it left, if it was started with `--from`.
    inherited: Option<Replay>,
}

async fn continue_run(arguments: &ResumeArguments, run: &RunSession, remaining: Remaining) -> Exit {
    let Remaining { chosen, journal, inherited } = remaining;
    let audience = Audience::Command(&arguments.view);
    if run.session.is_dry_run() {
        let dry = DryRun { run, keep: arguments.keep, detach: false, audience, inherited };
        return Box::pin(dry.run(chosen, Some(journal))).await;
    }
    let real = RealRun { run, audience, inherited };
    Box::pin(real.run(chosen, Some(journal))).await
}

fn find_run(arguments: &ResumeArguments, state: &Path) -> Result<RunFolder, Exit> {
    let Some(name) = &arguments.run else { return newest_run(arguments, state) };
    let folder = RunFolder { state: state.to_owned(), run: RunId::existing(name) };
    if folder.journal().exists() {
        return Ok(folder);
    }
    say::error(&[format!("there is no run `{name}` in `{}`", state.display())], None);
    Err(Exit::Usage)
}

/// The newest run of the plan that has not succeeded.
fn newest_run(arguments: &ResumeArguments, state: &Path) -> Result<RunFolder, Exit> {
    let plan = absolute_plan(&arguments.plan).unwrap_or_else(|_| arguments.plan.clone());
    let found = newest_unfinished(state, &plan, arguments.dry_run)
        .map_err(|damaged| refuse_damaged(&damaged, arguments))?;
    match found {
        Some(UnfinishedRun { folder, newer: None }) => Ok(folder),
        Some(UnfinishedRun { folder, newer: Some(newer) }) => {
            let run = &folder.run;
            say::error(
                &[format!("run {run} did not succeed, but run {newer} has since")],
                Some(&context(arguments).complete(&format!(
                    "`shipway resume {run}` puts what it was to deploy in the place of that all \
                     the same"
                ))),
            );
            Err(Exit::Usage)
        }
        None => {
            let kind = if arguments.dry_run { "dry run" } else { "run" };
            let plan = arguments.plan.display();
            say::error(
                &[format!("there is no unfinished {kind} of `{plan}` in `{}`", state.display())],
                Some(if arguments.dry_run {
                    "name a run, or the plan's file with `--plan`"
                } else {
                    "name a run, or the plan's file with `--plan`; a dry run needs `--dry-run`"
                }),
            );
            Err(Exit::Usage)
        }
    }
}

fn refuse_damaged(damaged: &DamagedRun, arguments: &ResumeArguments) -> Exit {
    let help = match &damaged.older {
        Some(older) => format!(
            "begin again with `{}`, or continue the run before it with `shipway resume {older}`",
            if arguments.dry_run { "shipway dry-run" } else { "shipway run" }
        ),
        None => begin_again(arguments),
    };
    let mut chain = vec![format!("cannot resume run {}", damaged.run)];
    chain.extend(chain_of(&damaged.error));
    say::error(&chain, Some(&context(arguments).complete(&help)));
    Exit::Precondition
}

/// What the run was started with, extended by the options of this command.
fn start_record(
    arguments: &ResumeArguments,
    file: &PlanFile,
    folder: &RunFolder,
    replay: &Replay,
) -> Result<StartRecord, Exit> {
    let id = &folder.run;
    let Some(mut start) = replay.start.clone() else {
        say::error(&[format!("run {id} has not begun, so there is nothing to resume")], None);
        return Err(Exit::Precondition);
    };
    if start.version != StartRecord::VERSION {
        let which = if start.version < StartRecord::VERSION { "an older" } else { "a newer" };
        say::error(
            &[format!("run {id} was started by {which} version of Shipway")],
            Some("start a new run"),
        );
        return Err(Exit::Precondition);
    }
    if file.digest() != start.plan_digest && !arguments.changed_plan {
        say::error(
            &[format!("the plan has changed since run {id} began")],
            Some("start a new run, or resume it all the same with `--changed-plan`"),
        );
        return Err(Exit::Usage);
    }
    match &mut start.options.dry_run {
        Some(dry_run) => {
            dry_run.cloud = std::mem::take(&mut dry_run.cloud).extended_by(&arguments.cloud);
        }
        None => refuse_dry_run_options(arguments, id)?,
    }
    Ok(start)
}

/// Refuses options of a dry run for a run that deploys to Azure: who gives one takes it for
/// a dry run.
fn refuse_dry_run_options(arguments: &ResumeArguments, run: &RunId) -> Result<(), Exit> {
    let given = if arguments.dry_run {
        "`--dry-run`"
    } else if arguments.keep {
        "`--keep`"
    } else if arguments.cloud != LocalCloudOptions::default() {
        "options of the local cloud"
    } else {
        return Ok(());
    };
    say::error(
        &[format!("run {run} is not a dry run, and cannot be resumed with {given}")],
        Some(
            &context(arguments)
                .complete(&format!("`shipway resume {run}` continues it, and deploys to Azure")),
        ),
    );
    Err(Exit::Usage)
}

/// Refuses to repeat a `run` step that was interrupted, unless the plan or the
/// command line allows it: only the user knows what a second time would do.
fn refuse_in_doubt(
    arguments: &ResumeArguments,
    run: &RunSession,
    chosen: &Chosen,
    replay: &Replay,
) -> Result<(), Refusal> {
    let session = &run.session;
    let mut doubtful = Vec::new();
    for (layout, (_, step)) in chosen.layout.steps.iter().zip(chosen.steps(session)) {
        let is_doubtful = replay.state(&layout.id) == StepState::InDoubt
            && matches!(step.action, Action::Run(_))
            && !is_idempotent(step, &session.scope);
        let id = layout.id.to_string();
        let is_allowed = arguments.rerun.contains(&id) || arguments.rerun.contains(&layout.id.step);
        if is_doubtful && !is_allowed {
            doubtful.push(id);
        }
    }
    let (what, help) = match doubtful.as_slice() {
        [] => return Ok(()),
        [id] => (
            format!("`{id}` was started, and it is not known whether it was done"),
            format!("repeat it with `--rerun {id}`, or let the plan say `idempotent: true` for it"),
        ),
        [others @ .., last] => (
            format!(
                "`{}` and `{last}` were started, and it is not known whether they were done",
                others.join("`, `")
            ),
            format!(
                "repeat them with `--rerun {}`, or let the plan say `idempotent: true` for them",
                doubtful.join(" --rerun ")
            ),
        ),
    };
    Err(say::refused(Exit::Precondition, &[what], Some(&help)))
}

/// A warning that names the steps which are done, and which the plan describes in another
/// way now: they stay as they are.
fn done_before_change(run: &RunSession, chosen: &Chosen, replay: &Replay) -> Option<String> {
    let session = &run.session;
    let steps = chosen.layout.steps.iter().zip(chosen.steps(session));
    let changed = steps.filter(|(layout, (_, step))| {
        let now = || digest_of_step(&session.plan, session.file.text.text(), step);
        layout.done_before
            && replay.planned.get(&layout.id).is_some_and(|planned| *planned != now())
    });
    let ids: Vec<String> = changed.map(|(layout, _)| layout.id.to_string()).collect();
    let first = ids.first()?;
    let named: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    let (was, stays) = if ids.len() == 1 { ("was", "stays") } else { ("were", "stay") };
    let again = if session.is_dry_run() {
        format!("`shipway dry-run --from {first}`")
    } else {
        format!("`shipway run --from {first}`")
    };
    Some(run.command_context().complete(&format!(
        "{} {was} done with the plan as it was before its change, and {stays} so; {again} does \
         what the plan says now",
        named.join(", ")
    )))
}

fn is_idempotent(step: &Step, scope: &Scope) -> bool {
    step.idempotent.resolve(scope).unwrap_or_default()
}

fn refuse_journal(error: &JournalError, arguments: &ResumeArguments) -> Exit {
    let help = match error {
        JournalError::Line { .. } | JournalError::Changed { .. } | JournalError::Illegal { .. } => {
            Some(begin_again(arguments))
        }
        JournalError::Write { .. } | JournalError::Read { .. } | JournalError::Busy { .. } => None,
    };
    let help = help.map(|help| context(arguments).complete(&help));
    say::error(&chain_of(error), help.as_deref());
    Exit::Precondition
}

/// What commands in messages need to find the same plan and its state.
fn context(arguments: &ResumeArguments) -> CommandContext {
    let shown = |path: &PathBuf| path.display().to_string();
    CommandContext {
        plan: Some(shown(&arguments.plan)),
        state_dir: arguments.state_dir.as_ref().map(shown),
        ..CommandContext::default()
    }
}

/// The remedy for a damaged journal.
fn begin_again(arguments: &ResumeArguments) -> String {
    if arguments.dry_run {
        return "begin again with `shipway dry-run`".to_owned();
    }
    let begin = "look with `shipway status` at what it has deployed, then begin again with \
                 `shipway run`";
    // The journal that would say which kind of run it was cannot be read.
    let other = arguments.run.as_ref().map_or("", |_| ", or with `shipway dry-run` if it was one");
    format!("{begin}{other}")
}
