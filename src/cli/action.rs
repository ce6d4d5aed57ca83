//! `shipway action`: what `action.yml` runs. The inputs come as variables, and
//! the log goes to standard output, where the runner reads its commands.
//!
//! The inputs become a command line, so that each means what its option means. The table
//! of inputs is in `inputs`.

mod inputs;

use super::check::{CheckArguments, DiagnosticFormat, check};
use super::down::down;
use super::dry_run::dry_run;
use super::exit::Exit;
use super::matrix::matrix;
use super::pipeline::audience::Audience;
use super::pipeline::{Asked, refused_early, write_status};
use super::plan::plan;
use super::preview::preview;
use super::report::report;
use super::run_saved::run_saved;
use super::runtime::block_on;
use super::say;
use super::sweep::sweep;
use crate::github::actions::Annotation;
use crate::journal::RunOptions;
use inputs::{ActionCommand, WrongInput, command_line};
use std::path::PathBuf;

/// Runs the command that the inputs name, with the options that they set.
pub fn action() -> Result<Exit, Exit> {
    let input = |name: &str| {
        std::env::var(format!("INPUT_{}", name.replace('-', "_").to_uppercase()))
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    match command_line(&input) {
        Ok(command) => execute(command),
        Err(wrong) => refuse(&input, &wrong),
    }
}

fn execute(command: ActionCommand) -> Result<Exit, Exit> {
    let done = match command {
        ActionCommand::Run(arguments) => return run_saved(&arguments, Audience::Action),
        ActionCommand::DryRun(arguments) => return dry_run(&arguments, Audience::Action),
        ActionCommand::Preview(arguments) => return preview(&arguments, Audience::Action),
        ActionCommand::Check(arguments) => {
            let arguments = CheckArguments { format: DiagnosticFormat::Github, ..arguments };
            return Ok(ended(check(&arguments)));
        }
        ActionCommand::Plan(arguments) => plan(&arguments),
        ActionCommand::Down(arguments) => down(&arguments),
        ActionCommand::Sweep(arguments) => sweep(&arguments),
        ActionCommand::Matrix(arguments) => matrix(&arguments),
        // A report of several runs has their status.
        ActionCommand::Report(arguments) if arguments.merge.folder.is_some() => {
            return report(&arguments, Audience::Action);
        }
        ActionCommand::Report(arguments) => report(&arguments, Audience::Action),
    };
    let exit = ended(done);
    // These commands say what failed to people, and not to the runner.
    if !matches!(exit, Exit::Done | Exit::Differs) {
        let message = format!("exit code {}; the log of this step says why", exit.code());
        say::result(&Annotation::error("Shipway", &message).to_string());
    }
    Ok(exit)
}

/// Writes the output `status` of a command that is no run.
fn ended(done: Result<Exit, Exit>) -> Exit {
    match done {
        Ok(exit @ (Exit::Done | Exit::Differs)) => write_status("succeeded", exit),
        Ok(exit) | Err(exit) => write_status("failed", exit),
    }
}

/// The commands that say nothing of a run, whose comment and status are left as they are.
const NO_RUNS: [&str; 6] = ["check", "plan", "down", "sweep", "matrix", "report"];

/// Reports that an input is wrong, to the place that the other inputs name.
fn refuse(input: &impl Fn(&str) -> Option<String>, wrong: &WrongInput) -> Result<Exit, Exit> {
    if input("command").is_some_and(|command| NO_RUNS.contains(&command.trim())) {
        say::error(&wrong.chain, wrong.help.as_deref());
        let help = wrong.help.iter().map(|help| format!("help: {help}"));
        let lines: Vec<String> = wrong.chain.iter().cloned().chain(help).collect();
        say::result(&Annotation::error("Shipway", &lines.join("\n")).to_string());
        return Ok(write_status("failed", Exit::Usage));
    }
    let is_true = |text: String| text.trim().eq_ignore_ascii_case("true");
    let options = RunOptions {
        no_report: input("no-report").is_some_and(is_true),
        env: input("env"),
        comment_key: input("comment-key"),
        pr: input("pr").and_then(|number| number.trim().parse().ok()),
        ..RunOptions::default()
    };
    let audience = Audience::Action;
    let redactor = audience.redactor();
    let refusal = say::refused(Exit::Usage, &wrong.chain, wrong.help.as_deref());
    let plan = PathBuf::from(input("plan").unwrap_or_else(|| "shipway.yml".to_owned()));
    let asked =
        Asked { plan: &plan, options: &options, state_dir: None, audience, redactor: &redactor };
    block_on(async { Err(refused_early(asked, refusal).await) })
}
