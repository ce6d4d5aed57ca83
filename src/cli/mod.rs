//! What the user typed; one file a command.

mod action;
mod arguments;
mod check;
mod dry_run;
mod exit;
mod images;
mod load;
mod local;
mod pipeline;
mod resume;
mod run;
mod say;
mod session;

use arguments::{Arguments, Command};
use clap::Parser as _;
use exit::Exit;
use pipeline::reporters::Audience;
use std::process::ExitCode;

/// Runs the program and says how it ended.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no mistakes, and clap knows where each goes.
            error.print().ok();
            let wrong = error.use_stderr();
            return ExitCode::from(if wrong { Exit::Usage } else { Exit::Done }.code());
        }
    };
    // So that a child cannot read our memory or our environment. The local
    // cloud holds no secret of the world, and its containers need to see it.
    if !matches!(arguments.command, Command::Local(_)) {
        nix::sys::prctl::set_dumpable(false).ok();
    }
    ExitCode::from(perform(arguments).code())
}

fn perform(arguments: Arguments) -> Exit {
    match arguments.command {
        Command::Run(arguments) => run::run(&arguments, Audience::Command(arguments.output)),
        Command::DryRun(arguments) => {
            dry_run::dry_run(&arguments, Audience::Command(arguments.run.output))
        }
        Command::Check(arguments) => check::check(&arguments),
        Command::Resume(arguments) => resume::resume(&arguments),
        Command::Images(arguments) => images::images(&arguments),
        Command::Local(arguments) => local::local(&arguments),
        Command::Action => action::action(),
    }
}

/// Does the work of a command that reaches out.
fn in_runtime(work: impl Future<Output = Exit>) -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(work);
            // A thread that still blocks on something must not hold us up.
            runtime.shutdown_background();
            exit
        }
        Err(error) => {
            say::error(&["start the threads of the program".to_owned(), error.to_string()], None);
            Exit::Bug
        }
    }
}
