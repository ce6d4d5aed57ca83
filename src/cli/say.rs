//! The output of commands that are not runs: results on standard output, and
//! everything else on standard error.

use super::exit::Exit;
use super::refusal::Refusal;
use crate::event::Failure;
use crate::github::actions::{Annotation, own_lines};
use crate::report::{Stdout, Terminal, error_text};
use std::borrow::Cow;
use std::io::{self, Write as _};
use std::sync::LazyLock;

/// Whether a workflow of GitHub Actions reads what is written.
static IN_ACTIONS: LazyLock<bool> =
    LazyLock::new(|| std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true"));

/// Whether a workflow of GitHub Actions reads what is written.
pub fn in_actions() -> bool {
    *IN_ACTIONS
}

/// A text for people, in which the runner of a workflow finds no commands: it may quote what
/// others wrote.
fn without_commands(text: &str) -> Cow<'_, str> {
    if !in_actions() {
        return Cow::Borrowed(text);
    }
    text.lines().flat_map(own_lines).map(|line| line + "\n").collect()
}

/// Writes a result for people.
pub fn result_for_people(text: &str) {
    result(&without_commands(text));
}

/// Writes a result. [`Stdout`] remembers an error.
pub fn result(text: &str) {
    writeln!(Stdout, "{}", text.trim_end_matches('\n')).and_then(|()| Stdout.flush()).ok();
}

/// Writes a message for people.
pub fn tell(text: &str) {
    write(&without_commands(text));
}

/// Writes a command for the runner of a workflow.
pub fn command(annotation: &Annotation) {
    write(&annotation.to_string());
}

fn write(text: &str) {
    let mut out = io::stderr().lock();
    writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).ok();
}

/// Writes an error, with its causes indented below, and its help last.
pub fn error(chain: &[String], help: Option<&str>) {
    tell(&error_text(chain, help));
}

/// Writes an error that ends the command.
pub fn refused(exit: Exit, chain: &[String], help: Option<&str>) -> Refusal {
    error(chain, help);
    let failure =
        Failure { chain: chain.to_vec(), help: help.map(str::to_owned), ..Failure::default() };
    Refusal::new(exit, vec![failure])
}

/// Whether standard error shows colours.
pub fn color() -> bool {
    Terminal::of_stderr().color
}
