//! The command line: one file or folder for each command.
//!
//! To add the command `greet`:
//!
//! 1. write `src/cli/greet.rs` with its arguments, `GreetArguments`, which derives
//!    [`clap::Args`], and `pub fn greet(&GreetArguments) -> Result<Exit, Exit>`;
//! 2. add `mod greet;` and, to [`Command`], a variant and its arm in `execute`;
//! 3. add its line to the table in `docs/commands.md`.
//!
//! A command reads its plan with `PlanSession`, which makes no folder and asks
//! no server, and reaches Azure, registries and GitHub through `Connections`.
//! Only what executes steps has a `RunSession`. What cannot be done is shown
//! where it is found; the `Err` of a command is its exit code.

mod action;
mod check;
mod clean;
mod columns;
mod command_line;
mod completions;
mod confirm;
mod doctor;
mod down;
mod dry_run;
mod eval;
mod exec;
mod exit;
#[cfg(test)]
mod help_lines;
mod images;
mod import;
mod init;
mod local;
mod logs;
mod man;
mod matrix;
mod one_command;
mod open;
mod pipeline;
mod plan;
mod plan_file;
mod plan_options;
mod plan_reading;
mod plan_search;
mod preview;
mod refusal;
mod removal;
pub mod report;
mod restart;
mod resume;
mod revisions;
mod rollback;
mod run;
mod run_saved;
mod runtime;
mod say;
mod schema;
mod secrets;
mod session;
mod status;
mod sweep;
mod targets;
mod unanswered;

use crate::os::keep_private;
use crate::report::Stdout;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use exit::Exit;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use pipeline::audience::{Audience, ViewOptions};
use std::process::ExitCode;

/// Take a container from source to a verified public URL on the pull request
#[derive(Debug, Parser)]
#[command(name = "shipway", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

one_command::commands! {
    /// Run the plan: build, tag, push, deploy, verify, report
    Run(run_saved::SavedRunArguments),
    /// Run the plan against a cloud on this machine
    DryRun(dry_run::DryRunArguments),
    /// Write a first plan, and its workflow, from what is in a folder
    Init(init::InitArguments),
    /// Deploy the preview of a pull request, and take it down once that is closed
    Preview(preview::PreviewArguments),
    /// Make a plan of a workflow, a script, a compose file or a container group
    Import(import::ImportArguments),
    /// Show what a run needs, what of it is missing, and the commands that mend it
    Doctor(doctor::DoctorArguments),
    /// Show every step, resolved, and what would change; changes nothing
    Plan(plan::PlanArguments),
    /// Find every mistake in the plan
    Check(check::CheckArguments),
    /// Print the value of an expression before anything runs
    Eval(eval::EvalArguments),
    /// Continue the newest unfinished run
    Resume(resume::ResumeArguments),
    /// Divide the services among the jobs of a workflow
    Matrix(matrix::MatrixArguments),
    /// Show the report of an earlier run again, or report several runs as one
    Report(report::ReportArguments),
    /// Show what is deployed, from which commit, how it is and whether it answers
    Status(status::StatusArguments),
    /// Show what the deployed containers have written
    Logs(logs::LogsArguments),
    /// Run a command in a container, or a shell
    Exec(exec::ExecArguments),
    /// Open the URL of a service in the browser
    Open(open::OpenArguments),
    /// List or remove the images in a registry
    Images(images::ImagesArguments),
    /// Start what runs again, as it is deployed, and verify it
    Restart(restart::RestartArguments),
    /// Put the version before back
    Rollback(rollback::RollbackArguments),
    /// Remove what the plan deployed in an environment or for a pull request
    Down(down::DownArguments),
    /// Remove previews that have expired, or whose pull request is closed
    Sweep(sweep::SweepArguments),
    /// Show where the plan's secrets are, store one in its vault, give access to the vaults
    Secrets(secrets::SecretsArguments),
    /// Remove old runs, local clouds and images from this machine
    Clean(clean::CleanArguments),
    /// Keep the local cloud up for other tools: az, skopeo, curl, a browser
    Local(local::LocalArguments),
    /// Print the JSON Schema of plans, for editors and validators
    Schema(schema::SchemaArguments),
    /// Print the script that completes command lines in a shell
    Completions(completions::CompletionsArguments),
    /// Print the manual page of a command, or write all of them
    Man(man::ManArguments),
    /// Print what a command line can go on with
    #[command(hide = true)]
    Complete(completions::CompleteArguments),
}

impl Command {
    fn execute(self) -> Result<Exit, Exit> {
        match self {
            Self::Run(arguments) => {
                run_saved::run_saved(&arguments, Audience::Command(&arguments.run.view))
            }
            Self::DryRun(arguments) => {
                dry_run::dry_run(&arguments, Audience::Command(&arguments.run.view))
            }
            Self::Init(arguments) => init::init(&arguments),
            Self::Preview(arguments) => {
                preview::preview(&arguments, Audience::Command(&arguments.run.view))
            }
            Self::Import(arguments) => import::run_import(&arguments),
            Self::Doctor(arguments) => doctor::doctor(&arguments),
            Self::Plan(arguments) => plan::plan(&arguments),
            Self::Check(arguments) => check::check(&arguments),
            Self::Eval(arguments) => eval::eval(&arguments),
            Self::Resume(arguments) => resume::resume(&arguments),
            Self::Matrix(arguments) => matrix::matrix(&arguments),
            Self::Report(arguments) => {
                report::report(&arguments, Audience::Command(&ViewOptions::default()))
            }
            Self::Status(arguments) => status::status(&arguments),
            Self::Logs(arguments) => logs::logs(&arguments),
            Self::Exec(arguments) => exec::exec(&arguments),
            Self::Open(arguments) => open::open(&arguments),
            Self::Images(arguments) => images::images(&arguments),
            Self::Restart(arguments) => restart::restart(&arguments),
            Self::Rollback(arguments) => rollback::rollback(&arguments),
            Self::Down(arguments) => down::down(&arguments),
            Self::Sweep(arguments) => sweep::sweep(&arguments),
            Self::Secrets(arguments) => secrets::secrets(&arguments),
            Self::Clean(arguments) => clean::clean(&arguments),
            Self::Local(arguments) => local::local(&arguments),
            Self::Schema(arguments) => Ok(schema::schema(&arguments)),
            Self::Completions(arguments) => Ok(completions::completions(&arguments)),
            Self::Man(arguments) => man::man(&arguments, Arguments::command()),
            Self::Complete(arguments) => {
                let program = plan_search::with_found_plan(Arguments::command());
                Ok(completions::complete(&arguments, program))
            }
            Self::Action => action::action(),
        }
    }
}

/// Keeps other processes of the user from reading this one's memory and environment,
/// and the kernel from writing them to a file. A program that a step starts may write
/// core dumps again, as far as the limit of the user allows.
fn seal() {
    // Where the kernel refuses it, the run is as safe as any other program's.
    keep_private().ok();
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
        setrlimit(Resource::RLIMIT_CORE, 0, hard).ok();
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let program = || plan_search::with_found_plan(Arguments::command());
    let read = one_command::read(&words, COMMANDS).map_or_else(|| program().try_get_matches(), Ok);
    let read = read.and_then(|found| Arguments::from_arg_matches(&found));
    let command = match read {
        Ok(arguments) => arguments.command,
        // `--help` and `--version` come here too.
        Err(error) => {
            let exit = command_line::refused(error, program());
            return ExitCode::from(exit.code());
        }
    };
    seal();
    let mut exit = command.execute().unwrap_or_else(|exit| exit);
    if let Some(why) = Stdout::lost() {
        say::error(
            &["cannot write to standard output".to_owned(), why.to_owned()],
            Some("what the command did stands, and only its output is incomplete"),
        );
        if exit == Exit::Done {
            exit = Exit::Bug;
        }
    }
    ExitCode::from(exit.code())
}

#[cfg(test)]
mod tests {
    use super::{Arguments, COMMANDS, one_command, plan_search};
    use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};
    use std::ffi::OsString;

    #[test]
    fn the_command_line_is_well_defined() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_invalid_host_is_refused_with_the_form_of_a_valid_one() {
        let read =
            |value: &str| Arguments::try_parse_from(["shipway", "dry-run", "--allow-host", value]);
        for wrong in ["", "http://x", "a b", "ghcr.io/"] {
            assert_eq!(
                read(wrong).expect_err("an invalid host").to_string(),
                format!(
                    "error: invalid value '{wrong}' for '--allow-host <HOST[/REPOSITORY]>': \
                     write HOST or HOST/REPOSITORY, such as `ghcr.io/org/app`\n\n\
                     For more information, try '--help'.\n"
                )
            );
        }
        assert!(read("ghcr.io").is_ok() && read("ghcr.io/org/app").is_ok());
    }

    #[test]
    fn a_command_line_is_read_as_with_all_commands() {
        for line in [
            "shipway run --set a=b --only web shop.yml",
            "shipway dry-run --detach",
            "shipway secrets set token",
            "shipway local fault --clear",
            "shipway exec web -- ls -l",
            "shipway complete -- shipway ru",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let all = plan_search::with_found_plan(Arguments::command());
            let all = all.try_get_matches_from(&words).expect("a command line");
            let own = one_command::read(&words, COMMANDS).expect("a command");
            let arguments = |found| format!("{:?}", Arguments::from_arg_matches(found));
            assert_eq!(arguments(&own), arguments(&all), "{line}");
        }
    }

    #[test]
    fn help_and_mistakes_are_left_to_all_commands() {
        for line in ["shipway", "shipway rum", "shipway --version", "shipway run --help"] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(one_command::read(&words, COMMANDS).is_none(), "{line}");
        }
        let wrong = ["shipway", "run", "--no-such-option"].map(OsString::from);
        assert!(one_command::read(&wrong, COMMANDS).is_none());
    }
}
