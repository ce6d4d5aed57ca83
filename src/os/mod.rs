//! What is asked of the operating system: in one way on Linux and in another elsewhere, or
//! in one that the standard library does not have.
//!
//! Parts that only Linux has (namespaces, cgroups, filters of system calls) are not here:
//! `sandbox`, the built-in container runtime and the commands of Dockerfiles say themselves
//! where they are missing.

#[cfg(target_os = "linux")]
mod linux;
// Compiled in tests too, which show on Linux that it works.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
mod remove;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use portable as system;

pub use remove::remove_tree;
pub use system::{
    ProcessHandle, adopt_orphans, die_with_supervisor, end_descendants, holds_lock,
    ignores_hang_up, keep_private, signal_when_orphaned,
};
