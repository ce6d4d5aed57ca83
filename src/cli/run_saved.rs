//! `shipway run`, of the plan as it is or of one that `shipway plan --save` saved.

use super::exit::Exit;
use super::pipeline::audience::Audience;
use super::pipeline::{Asked, refused_early};
use super::plan::refuse_changed;
use super::plan::saved::{ReadError, SavedPlan};
use super::refusal::Refusal;
use super::run::{RunArguments, run};
use super::runtime::block_on;
use super::say;
use crate::journal::RunOptions;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway run --env production
  shipway plan --env production --save plan.json && shipway run --plan plan.json

Exit codes: 0 succeeded; 2 the plan or the command line is wrong; 3 something needed is missing, and
nothing was changed; 4 a step failed; 5 a step failed, and what ran before was put back; 6 that failed
too; 129, 130, 143 stopped by SIGHUP, SIGINT, SIGTERM")]
pub struct SavedRunArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Do what `shipway plan --save FILE` showed, with its options, or nothing
    #[arg(long = "plan", value_name = "FILE")]
    pub saved: Option<PathBuf>,
}

/// Runs the plan. A saved one is refused if sources or world have changed since.
pub fn run_saved(arguments: &SavedRunArguments, audience: Audience) -> Result<Exit, Exit> {
    let Some(file) = &arguments.saved else { return run(&arguments.run, audience) };
    let given = &arguments.run;
    let (saved, options) =
        read(file, &given.options).map_err(|refusal| reported(given, audience, refusal))?;
    let arguments = RunArguments { options, ..given.clone() };
    refuse_changed(&saved, file, &arguments, audience)
        .map_err(|refusal| reported(&arguments, audience, refusal))?;
    run(&arguments, audience)
}

/// Reports a run that was refused: the check mark of an earlier one must not stand for it.
fn reported(run: &RunArguments, audience: Audience<'_>, refusal: Refusal) -> Exit {
    let RunArguments { plan, options, state_dir, .. } = run;
    let redactor = audience.redactor();
    let asked =
        Asked { plan, options, state_dir: state_dir.as_deref(), audience, redactor: &redactor };
    let exit = refusal.exit;
    block_on(async { Ok(refused_early(asked, refusal).await) }).unwrap_or(exit)
}

/// The saved plan, and its options in the cloud of the command line.
fn read(file: &Path, given: &RunOptions) -> Result<(SavedPlan, RunOptions), Refusal> {
    let cloud = given.cloud.clone();
    if *given != (RunOptions { cloud: cloud.clone(), ..RunOptions::default() }) {
        return Err(say::refused(
            Exit::Usage,
            &["`--plan` has the options of a run in its file".to_owned()],
            Some("give them to `shipway plan --save` instead"),
        ));
    }
    let saved = SavedPlan::read(file).map_err(|error| {
        let what = format!("cannot read the saved plan `{}`", file.display());
        let help = match error {
            ReadError::Unsaved => format!("`shipway run {}` runs it", file.display()),
            ReadError::Io(_) | ReadError::Json(_) | ReadError::Format { .. } => {
                "`shipway plan --save FILE` saves one".to_owned()
            }
        };
        say::refused(Exit::Usage, &[what, error.to_string()], Some(&help))
    })?;
    if saved.is_local && cloud.is_none() {
        let what = format!("`{}` was saved for a local cloud, and none is named", file.display());
        let help = "add `--cloud FILE`, as it was given to `shipway plan --save`";
        return Err(say::refused(Exit::Usage, &[what], Some(help)));
    }
    let options = RunOptions { cloud, ..saved.options.clone() };
    Ok((saved, options))
}
