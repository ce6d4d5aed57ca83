//! ACR Tasks: builds an image inside a registry, from a context that is uploaded.
//!
//! A run is scheduled (`client`), its log is a blob that grows (`log`), and `follow` reads
//! both until the run has ended. Nothing of the image passes through this machine: what was
//! built is in the registry, under the digest that the run names.

mod client;
mod error;
mod follow;
mod log;
#[cfg(test)]
mod tests;

pub use client::{
    BuildArgument, BuiltImage, DockerBuild, RegistryTasks, Run, RunStatus, TaskPlatform,
};
pub use error::TasksError;
pub use follow::Followed;
pub use log::lines_of;
