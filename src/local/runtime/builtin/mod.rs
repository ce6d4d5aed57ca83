//! Containers without an engine: groups in namespaces of this kernel.
//!
//! This is the parent's side, in the local cloud; `stage` is the child's.

mod group;
mod limits;
mod ports;
mod probe;
mod sandbox;
mod trees;

pub use super::stage::reexec;
pub use group::{BuiltIn, GroupSandbox, IS_AVAILABLE};
