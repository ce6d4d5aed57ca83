//! Shipway takes a container from source to a verified public URL.
//!
//! The way through the code: `plan` turns text into a typed plan and reports its
//! mistakes; `resolve` collects the contexts that expressions read; `graph` orders
//! services and steps; `run` is the one loop that performs them. It writes to
//! `journal` before each effect and feeds `report` with each event.
//!
//! `import` reads files that deploy in another way, and `draft` writes the text of a plan.
//!
//! Layers: `plan`, `graph`, `event`, the state of `run` and the replay of
//! `journal` are pure. `registry`, `azure`, `github`, `otlp` and `image` use `http` and
//! `secret`, never `plan` or `run`; those that move bytes count them with
//! `progress`. Only `report` and `cli` print. `local` uses none of the clients
//! that it serves, so that a mistake in a client does not hide in its server.
//! `tests/layers` holds all of this; `docs/architecture.md` explains it.
//!
//! [`main`] is all that the crate exports. Every module is private, so that the
//! compiler finds what is unused; `testing` lists what tests outside of the crate
//! need.

// What the parts for Linux alone use is compiled for other systems too.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod azure;
mod bounded_file;
mod cli;
mod draft;
mod event;
mod github;
mod graph;
mod http;
mod image;
mod import;
mod job_file;
mod journal;
mod local;
mod oci;
mod os;
mod otlp;
mod plan;
mod progress;
mod registry;
mod report;
mod resolve;
mod run;
#[cfg(target_os = "linux")]
mod sandbox;
mod secret;
mod signing;
mod sigstore;
mod value;

#[doc(hidden)]
pub mod testing;

use std::process::ExitCode;

/// Runs the program with the arguments of this process.
///
/// Hidden command lines make this process the supervisor of a child, that child before
/// it becomes the program, a process of a command of a Dockerfile, or one of the built-in
/// container runtime. They are handled first, because
/// they need a process with a single thread.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == run::child::ENTRY => return run::child::supervise(arguments),
        Some(first) if first == run::child::PROGRAM_ENTRY => {
            return run::child::become_program(arguments);
        }
        Some(_) | None => {}
    }
    if let Some(code) = run::perform::reexec(std::env::args_os().skip(1)) {
        return code;
    }
    local::runtime::reexec().unwrap_or_else(cli::main)
}
