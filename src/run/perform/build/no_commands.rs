//! In the place of `commands` where the kernel is not Linux.

use crate::image::dockerfile::{CommandError, CommandRunner, RanCommand, RunCommand};
use crate::run::perform::performer::{Job, Performer};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why no command can be run.
const REFUSAL: &str = "commands are set apart by the kernel of Linux alone; start docker or podman";

/// No process of this program becomes a command.
pub fn reexec(_arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    None
}

/// Why commands cannot be set apart from this machine.
#[expect(clippy::unused_async, reason = "that of Linux tries it")]
pub async fn refusal() -> Option<String> {
    Some(REFUSAL.to_owned())
}

/// Nothing is kept where no command has run.
#[expect(clippy::unnecessary_wraps, reason = "that of Linux removes folders")]
pub fn remove_kept(_folders: &[PathBuf]) -> io::Result<()> {
    Ok(())
}

/// The side of the builder, which has no command to run after a refusal.
pub struct Orders;

impl CommandRunner for Orders {
    fn users(&self) -> &'static str {
        "own"
    }

    fn note(&self, _line: String) {}

    fn run(&self, _command: RunCommand) -> Result<RanCommand, CommandError> {
        Err(CommandError::Refused { reason: REFUSAL.to_owned(), help: None })
    }

    fn stop(&self) {}
}

/// The side of the step.
pub struct Commands;

impl Commands {
    pub fn new(_performer: &Performer, _job: &Job, _folder: PathBuf) -> (Orders, Self) {
        (Orders, Self)
    }

    #[expect(clippy::unused_async, reason = "that of Linux serves the builder")]
    pub async fn serve(self) {}
}
