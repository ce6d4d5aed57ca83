//! What is deployed, of every kind: all that the commands know which look after it.
//!
//! `deploy` is about one step of a plan, and knows what that step wants. Here are the
//! resources that some run has deployed, perhaps from another machine: they are listed,
//! recognised by their tags, read and deleted, their logs read and programs started in
//! them. `status`, `logs`, `exec`, `open`, `down`, `sweep` and `images` name no kind of
//! resource. [`ResourceKind`] is what a kind must be able to do, [`DeployedResources`]
//! has all kinds.

mod container;
mod kind;
pub mod lease;
mod resource;
mod resources;
pub mod revision;
pub mod tags;
#[cfg(test)]
pub mod testing;
mod words;

pub use crate::azure::TerminalSize;
pub use container::{DeployedContainer, Health, PastInstance};
pub use kind::{ContainerProgram, ResourceKind, Terminal, split_time};
pub use resource::{DeployedResource, ResourceId};
pub use resources::DeployedResources;
pub use words::KindWords;
