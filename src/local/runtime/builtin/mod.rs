//! Containers without any engine: groups in namespaces of this kernel.
//!
//! This is the side of the local cloud; `stage` is what it starts.

mod probe;
mod sandbox;

pub(crate) use probe::probe;
pub(crate) use sandbox::Sandbox;
pub use sandbox::SandboxError;
