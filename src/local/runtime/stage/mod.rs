//! The hidden entries of the binary: what the runtime starts itself as, so that
//! a namespace is entered by a process that has one thread.
//!
//! ```text
//! local cloud ── __runtime-group      takes namespaces, waits for identity maps, brings `lo` up
//!                 └ __runtime-init    process 1 of the group: relay, logs, reaping
//!                    ├ __runtime-container → the program, process 1 of a container
//!                    └ …
//! ```
//!
//! The end of the local cloud closes the pipe that the init process reads, and
//! with that process the kernel ends all that is below it. Nothing here may
//! start a thread before it has become what it is to be.

mod container;
mod group;
mod init;
pub(crate) mod log;
mod mode;
mod network;
pub(crate) mod protocol;
pub(crate) mod relay;
mod root;
mod user;

pub(crate) use mode::{GROUP, StageMode};

use mode::{CONTAINER, INIT};
use std::process::ExitCode;

/// Becomes a stage of the runtime where the first argument asks for one. To be
/// called first thing in `main`, before any thread exists.
pub fn reexec() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let stage = arguments.next()?;
    let stage = stage.to_str().filter(|stage| stage.starts_with("__runtime-"))?.to_owned();
    let mode = arguments.next().and_then(|mode| StageMode::parse(mode.to_str()?));
    let Some(mode) = mode else { return Some(ExitCode::from(2)) };
    Some(match stage.as_str() {
        GROUP => group::run(mode),
        INIT => init::run(mode),
        CONTAINER => container::run(mode),
        _ => ExitCode::from(2),
    })
}
