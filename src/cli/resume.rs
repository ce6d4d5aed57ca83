//! `shipway resume`: continues a run that stopped.

use super::dry_run::DryRun;
use super::exit::Exit;
use super::pipeline::audience::{Audience, ViewOptions};
use super::pipeline::refused;
use super::plan_file::{PLAN_OPTION_HELP, PlanFile};
use super::refusal::Refusal;
use super::run::RealRun;
use super::runtime::block_on;
use super::say;
use super::session::inherit::inherited;
use super::session::layout::{Chosen, choose};
use super::session::run::{RunSession, state_folder};
use crate::journal::{
    Journal, JournalEntry, JournalError, LocalCloudOptions, Replay, RunFolder, RunId, StartRecord,
    StepState, newest_unfinished,
};
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, Step};
use crate::run::outcome::chain_of;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
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
    let prepared = remaining(arguments, &run, &mut journal);
    block_on(async {
        match prepared {
            Ok(chosen) => {
                let remaining = Remaining { chosen, journal, inherited };
                Ok(Box::pin(continue_run(arguments, &run, remaining)).await)
            }
            Err(refusal) => {
                Err(refused(&run, None, Audience::Command(arguments.view), refusal).await)
            }
        }
    })
}

/// Finds the run. What is refused here is no run, and nothing is reported of it.
fn prepare(arguments: &ResumeArguments) -> Result<(RunSession, Journal), Exit> {
    let file = PlanFile::read(&arguments.plan, PLAN_OPTION_HELP)?;
    let state = state_folder(arguments.state_dir.as_deref(), &file);
    let folder = find(arguments, &state)?;
    let journal =
        Journal::open(&folder.journal()).map_err(|error| show(&error, arguments.dry_run))?;
    let start = started(arguments, &file, &folder, journal.replay())?;
    let redactor = Audience::Command(arguments.view).redactor();
    Ok((RunSession::resume(file, start, folder, redactor)?, journal))
}

/// The steps of the run, of which some are done, and the entry that it continues.
fn remaining(
    arguments: &ResumeArguments,
    run: &RunSession,
    journal: &mut Journal,
) -> Result<Chosen, Refusal> {
    let mut chosen = choose(&run.session)?;
    chosen.mark_done(journal.replay());
    refuse_doubtful(arguments, run, &chosen, journal.replay())?;
    let at = jiff::Timestamp::now().to_string();
    let written = journal.append(&JournalEntry::RunResumed { at });
    written.map_err(|error| say::refused(Exit::Precondition, &chain_of(&error), None))?;
    Ok(chosen)
}

/// What is left of a run, and what is known of the rest.
struct Remaining {
    chosen: Chosen,
    journal: Journal,
    /// What the runs before it left, if it was started with `--from`.
    inherited: Option<Replay>,
}

async fn continue_run(arguments: &ResumeArguments, run: &RunSession, remaining: Remaining) -> Exit {
    let Remaining { chosen, journal, inherited } = remaining;
    let audience = Audience::Command(arguments.view);
    if run.session.is_dry_run() {
        let dry = DryRun { run, keep: arguments.keep, detach: false, audience, inherited };
        return Box::pin(dry.run(chosen, Some(journal))).await;
    }
    let real = RealRun { run, audience, inherited };
    Box::pin(real.run(chosen, Some(journal))).await
}

fn find(arguments: &ResumeArguments, state: &Path) -> Result<RunFolder, Exit> {
    if let Some(name) = &arguments.run {
        let folder = RunFolder { state: state.to_owned(), run: RunId::existing(name) };
        if folder.journal().exists() {
            return Ok(folder);
        }
        say::error(&[format!("there is no run `{name}` in `{}`", state.display())], None);
        return Err(Exit::Usage);
    }
    let plan = std::path::absolute(&arguments.plan).unwrap_or_else(|_| arguments.plan.clone());
    let found = newest_unfinished(state, &plan, arguments.dry_run).map_err(|damaged| {
        let begin = begin_command(arguments.dry_run);
        let help = match damaged.older {
            Some(older) => format!(
                "begin again with `{begin}`, or continue the run before it with `shipway resume {older}{}`",
                if arguments.dry_run { " --dry-run" } else { "" }
            ),
            None => begin_again(arguments.dry_run),
        };
        let mut chain = vec![format!("cannot resume run {}", damaged.run)];
        chain.extend(chain_of(&damaged.error));
        say::error(&chain, Some(&help));
        Exit::Precondition
    })?;
    found.ok_or_else(|| {
        let kind = if arguments.dry_run { "dry run" } else { "run" };
        let plan = arguments.plan.display();
        say::error(
            &[format!("there is no unfinished {kind} of `{plan}` in `{}`", state.display())],
            Some("name a run, or the plan's file with `--plan`; a dry run needs `--dry-run`"),
        );
        Exit::Usage
    })
}

/// What the run was started with, and in a dry run what its cloud is given now.
fn started(
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
    if let Some(dry_run) = &mut start.options.dry_run {
        dry_run.cloud = std::mem::take(&mut dry_run.cloud).extended_by(&arguments.cloud);
    }
    Ok(start)
}

/// Refuses to repeat a `run` step that was interrupted, unless the plan or the
/// command line allows it: only the user knows what a second time would do.
fn refuse_doubtful(
    arguments: &ResumeArguments,
    run: &RunSession,
    chosen: &Chosen,
    replay: &Replay,
) -> Result<(), Refusal> {
    let session = &run.session;
    for name in &arguments.rerun {
        chosen.refuse_unknown("--rerun", name)?;
    }
    for (layout, (_, step)) in chosen.layout.steps.iter().zip(chosen.steps(session)) {
        let is_doubtful = replay.state(&layout.id) == StepState::InDoubt
            && matches!(step.action, Action::Run(_))
            && !is_idempotent(step, &session.scope);
        let id = layout.id.to_string();
        let is_allowed = arguments.rerun.contains(&id) || arguments.rerun.contains(&layout.id.step);
        if !is_doubtful || is_allowed {
            continue;
        }
        let what = format!("`{id}` was started, and it is not known whether it was done");
        let help =
            format!("repeat it with `--rerun {id}`, or let the plan say `idempotent: true` for it");
        return Err(say::refused(Exit::Precondition, &[what], Some(&help)));
    }
    Ok(())
}

fn is_idempotent(step: &Step, scope: &Scope) -> bool {
    step.idempotent.resolve(scope).unwrap_or_default()
}

fn show(error: &JournalError, dry_run: bool) -> Exit {
    let help = match error {
        JournalError::Line { .. } | JournalError::Changed { .. } | JournalError::Illegal { .. } => {
            Some(begin_again(dry_run))
        }
        JournalError::Write { .. } | JournalError::Read { .. } | JournalError::Busy { .. } => None,
    };
    say::error(&chain_of(error), help.as_deref());
    Exit::Precondition
}

/// What helps against a journal that cannot be believed.
fn begin_again(dry_run: bool) -> String {
    let begin = begin_command(dry_run);
    if dry_run {
        return format!("begin again with `{begin}`");
    }
    format!("look with `shipway status` at what it has deployed, then begin again with `{begin}`")
}

fn begin_command(dry_run: bool) -> &'static str {
    if dry_run { "shipway dry-run" } else { "shipway run" }
}
