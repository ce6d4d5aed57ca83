//! Containers in docker or podman, through their command line.
//!
//! The engine never pulls; each image is loaded from an archive. Values of
//! variables are never arguments, where other users could read them. Everything
//! has the label of its state folder, so that what a killed process left can be
//! removed.

mod archive;
mod command;
mod sandbox;
mod trial;

pub use command::Engine;
pub use command::EngineError;
pub use sandbox::{ContainerStart, Sandbox};
