//! Containers without an engine: groups in namespaces of this kernel.
//!
//! This is the parent's side, in the local cloud; `stage` is the child's.

mod probe;
mod sandbox;

pub(crate) use probe::probe;
pub(crate) use sandbox::Sandbox;
pub use sandbox::SandboxError;
