//! Shipway takes a container from source to a verified public URL.
//!
//! The way through the code: `plan` turns text into a typed plan and finds its
//! mistakes; `resolve` reads the contexts that expressions see; `graph` orders
//! services and steps; `run` is the one loop that performs them, with `journal`
//! written before each effect and `report` fed with each event.
//!
//! Layers: `plan`, `graph`, the state of `run` and the replay of `journal` are
//! pure. `registry`, `azure`, `github` and `image` know `http` and `secret`,
//! never `plan` or `run`; what of theirs moves bytes counts them by `progress`,
//! which knows nobody. Only `report` and `cli` print. `local` uses none of
//! the clients that it answers.
//!
//! [`main`] is all that the crate exports. Every module is private, so that the
//! compiler finds what is unused; what tests outside of the crate need is listed
//! in `testing`.

mod azure;
mod cli;
mod event;
mod github;
mod graph;
mod http;
mod image;
mod journal;
mod local;
mod oci;
mod plan;
mod progress;
mod registry;
mod report;
mod resolve;
mod run;
mod secret;

#[doc(hidden)]
pub mod testing;

use std::process::ExitCode;

/// Runs the program with the arguments of this process.
///
/// Two hidden forms of the command line turn this process into something else
/// (the supervisor of a child, a process of the built-in container runtime).
/// They are taken first, because they need a process with a single thread.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == run::child::ENTRY) {
        return run::child::supervise(arguments);
    }
    local::runtime::reexec().unwrap_or_else(cli::main)
}
