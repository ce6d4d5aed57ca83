//! The stages of the built-in backend: hidden subcommands that this program starts
//! itself with. Namespaces must be entered by a process that has a single thread.
//!
//! ```text
//! local cloud ── __runtime-group      takes namespaces, waits for identity maps, brings `lo` up
//!                 └ __runtime-init    process 1 of the group: relay, logs, reaping
//!                    ├ __runtime-container → the program, process 1 of a container
//!                    ├ __runtime-exec → a command in a running container
//!                    └ …
//! ```
//!
//! When the local cloud ends, the pipe that the init process reads is closed. It
//! exits, and the kernel kills everything below it. No stage may start a thread
//! before it has entered its namespaces.

mod container;
mod exec;
mod group;
mod init;
mod listeners;
mod mode;
pub mod protocol;
pub mod relay;
mod root;
mod session;
mod unheard;

pub use mode::{GROUP, StageMode};

use crate::sandbox::descriptors;
use mode::{CONTAINER, EXEC, INIT};
use std::process::ExitCode;

/// Runs a stage if the first argument names one. Must be called at the beginning of
/// `main`, before any thread exists.
pub fn reexec() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let stage = arguments.next()?;
    let stage = stage.to_str().filter(|stage| stage.starts_with("__runtime-"))?.to_owned();
    let mode = arguments.next().and_then(|mode| StageMode::parse(mode.to_str()?));
    let Some(mode) = mode else { return Some(ExitCode::from(2)) };
    Some(match stage.as_str() {
        GROUP => {
            // What the caller of Shipway left open, such as a folder of this machine,
            // is not for containers. The stages below inherit nothing else.
            descriptors::close_inherited();
            let first = arguments.next().and_then(|id| id.to_str()?.parse().ok());
            group::run(mode, first)
        }
        INIT => init::run(mode),
        CONTAINER => container::run(mode),
        EXEC => exec::run(mode),
        _ => ExitCode::from(2),
    })
}
