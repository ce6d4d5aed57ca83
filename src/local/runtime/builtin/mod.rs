//! Containers without an engine: groups in namespaces of this kernel.
//!
//! This is the parent's side, in the local cloud; `stage` is the child's.

mod limits;
mod probe;
mod sandbox;

pub use probe::probe;
pub use sandbox::{Sandbox, SandboxError, SandboxStart};
