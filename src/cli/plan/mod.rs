//! `shipway plan`: shows every step, resolved, and what would change in the live cloud.
//!
//! It sends nothing but GET and HEAD, apart from signing in. `text` and `json` show the
//! result, `summary` counts it.

mod comment;
mod foresee;
mod json;
mod planned;
pub mod saved;
mod sources;
mod summary;
mod text;

use super::exit::Exit;
use super::pipeline::audience::{Audience, ViewOptions};
use super::pipeline::{Asked, plan_refused, plan_refused_early};
use super::refusal::Refusal;
use super::run::RunArguments;
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::run::{Planning, RunSession};
use crate::journal::RunOptions;
use crate::report::Output;
use crate::run::perform::{Forecast, StepForecast};
use clap::Args;
pub use foresee::{Foreseen, foresee};
use planned::Planned;
use saved::{Facts, SavedPlan};
use std::path::{Path, PathBuf};
use summary::Summary;

/// Show every step, resolved, and what would change; changes nothing
///
/// What is deployed is read and compared property by property. Images of `layers` are
/// built on this machine to know their digest; those of a Dockerfile are not.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway plan --env production --exit-code
  shipway plan --env production --save plan.json && shipway run --plan plan.json

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 something needed is missing or did not
answer, or with --exit-code a run would be refused; 7 with --exit-code, if something would change")]
pub struct PlanArguments {
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub options: RunOptions,
    /// Ask no server: nothing is compared
    #[arg(long)]
    pub offline: bool,
    /// Exit with 7 if something would change, and with 3 if a run would be refused
    #[arg(long)]
    pub exit_code: bool,
    /// Save what was seen, for `shipway run --plan FILE`, which refuses to run anything else
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    pub save: Option<PathBuf>,
    /// Keep the state here instead of in `.shipway` beside the plan
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Shows what a run would do.
pub fn plan(arguments: &PlanArguments) -> Result<Exit, Exit> {
    let PlanArguments { plan, options, state_dir, .. } = arguments;
    let view = ViewOptions { output: arguments.output, ..ViewOptions::default() };
    let audience = Audience::Command(&view);
    let live = !arguments.offline;
    let redactor = audience.redactor();
    let asked =
        Asked { plan, options, state_dir: state_dir.as_deref(), audience, redactor: &redactor };
    let planning = Planning { redactor: redactor.clone(), live };
    let run = RunSession::plan_only(plan, options, state_dir.as_deref(), planning);
    block_on(async {
        let mut run = match run {
            Ok(run) => run,
            Err(refusal) if live => return Err(plan_refused_early(asked, refusal).await),
            Err(refusal) => return Err(refusal.exit),
        };
        let Foreseen { steps, connections } =
            match Box::pin(foresee(&mut run, audience, live)).await {
                Ok(foreseen) => foreseen,
                Err(refusal) if live => return Err(plan_refused(&run, refusal).await),
                Err(refusal) => return Err(refusal.exit),
            };
        let session = &run.session;
        let planned = Planned { session, steps, offline: arguments.offline };
        let summary = Summary::of(&planned.steps);
        let exit = show(arguments, &planned, &summary);
        comment::post(&planned, &summary, &connections).await;
        if let Some(file) = arguments.save.as_ref().filter(|_| exit != Exit::Precondition) {
            save(&planned, file)?;
        }
        Ok(exit)
    })
}

/// Saves what was seen.
fn save(planned: &Planned<'_>, file: &Path) -> Result<(), Exit> {
    let what = format!("cannot save the plan in `{}`", file.display());
    let git = planned.session.scope.context("git");
    let is_dirty = git.is_some_and(|git| git.get("dirty").text() == "true");
    let unread = planned
        .steps
        .iter()
        .find(|step| matches!(&step.forecast, Forecast::Build { digest: None, .. }));
    // Whether such files change before the run would not be noticed.
    if let Some(step) = unread.filter(|_| is_dirty) {
        let why = format!(
            "`{}` is built from files that differ from the commit, and its image is not known \
             before the run",
            step.id
        );
        say::error(&[what, why], Some("commit them, or stash them with `git stash`"));
        return Err(Exit::Precondition);
    }
    SavedPlan::new(planned).write(file).map_err(|error| {
        say::error(&[what, error.to_string()], None);
        Exit::Precondition
    })
}

/// Refuses a saved plan if a run would do something else than was shown when it was saved.
pub fn refuse_changed(
    saved: &SavedPlan,
    file: &Path,
    arguments: &RunArguments,
    audience: Audience,
) -> Result<(), Refusal> {
    let RunArguments { plan, options, state_dir, .. } = arguments;
    let planning = Planning { redactor: audience.redactor(), live: true };
    let mut run = RunSession::plan_only(plan, options, state_dir.as_deref(), planning)?;
    let foreseen = block_on(async { Ok(Box::pin(foresee(&mut run, audience, true)).await?) });
    let Foreseen { steps, .. } = foreseen?;
    let planned = Planned { session: &run.session, steps, offline: false };
    let failed = planned.steps.iter().find_map(|step| match &step.forecast {
        Forecast::Failed(failure) => Some((&step.id, failure)),
        _ => None,
    });
    // No plan with such a step is saved, and what else differs may follow from it.
    if let Some((step, failure)) = failed {
        let what = format!("`{}` was not run, because `{step}` cannot be foreseen", file.display());
        let chain = [&[what], failure.chain.as_slice()].concat();
        return Err(say::refused(Exit::Precondition, &chain, failure.help.as_deref()));
    }
    let changes = saved.facts.changes_to(&Facts::of(&planned));
    if changes.is_empty() {
        return Ok(());
    }
    let first = format!("`{}` was not run, because something has changed since", file.display());
    let chain: Vec<String> = [vec![first], changes].concat();
    let chain: Vec<String> = chain.iter().map(|line| run.session.redactor.redact(line)).collect();
    let help = format!("nothing was done; `shipway plan --save {}` plans again", file.display());
    let help = run.command_context().complete(&help);
    Err(say::refused(Exit::Precondition, &chain, Some(&help)))
}

/// The steps of a run as `shipway plan` shows them.
pub fn shown(session: &PlanSession, steps: Vec<StepForecast>, output: Output) -> String {
    let planned = Planned { session, steps, offline: false };
    text_of(&planned, &Summary::of(&planned.steps), output)
}

fn text_of(planned: &Planned<'_>, summary: &Summary, output: Output) -> String {
    let shown = match output {
        Output::Human => text::show(planned, summary),
        Output::Json => json::show(planned, summary),
    };
    planned.session.redactor.redact(&shown)
}

fn show(arguments: &PlanArguments, planned: &Planned<'_>, summary: &Summary) -> Exit {
    say::result(&text_of(planned, summary, arguments.output));
    let failures = planned.steps.iter().filter_map(|step| match &step.forecast {
        Forecast::Failed(failure) => Some((&step.id, failure)),
        _ => None,
    });
    let failures: Vec<_> = failures.collect();
    for (step, failure) in &failures {
        let chain = [&[format!("cannot foresee `{step}`")], failure.chain.as_slice()].concat();
        say::error(&chain, failure.help.as_deref());
    }
    if !failures.is_empty() {
        return Exit::Precondition;
    }
    match (arguments.exit_code, summary.refuses(), summary.changes()) {
        (true, true, _) => Exit::Precondition,
        (true, false, true) => Exit::Differs,
        (true, false, false) | (false, _, _) => Exit::Done,
    }
}
