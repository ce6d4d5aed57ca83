//! Containers in docker or podman, through their command line.
//!
//! The engine never pulls: it is given each image as an archive. No value of a
//! variable is ever an argument. Everything carries the label of this state
//! folder, so that what an ended process left behind can be found.

mod archive;
mod command;
mod sandbox;
mod trial;

pub(crate) use command::Engine;
pub use command::EngineError;
pub(crate) use sandbox::{ContainerStart, Sandbox};
