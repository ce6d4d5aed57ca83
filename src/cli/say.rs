//! The output of commands that are not runs: results on standard output, and
//! everything else on standard error.

use super::exit::Exit;
use super::refusal::Refusal;
use crate::event::Failure;
use crate::report::{Stdout, Terminal, error_text};
use std::io::{self, Write as _};

/// Writes a result. [`Stdout`] remembers an error.
pub fn result(text: &str) {
    writeln!(Stdout, "{}", text.trim_end_matches('\n')).and_then(|()| Stdout.flush()).ok();
}

/// Writes a message for people.
pub fn tell(text: &str) {
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
