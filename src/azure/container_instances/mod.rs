//! Azure Container Instances: a group is put, then watched until its containers
//! really run or really fail, because Azure's "Succeeded" says neither.
//!
//! Nothing about a group is guessed: name, address and URLs are read back.

mod client;
mod deploy;
mod desired;
mod failure;
mod group;
mod restore;
#[cfg(test)]
mod tests;
mod watch;

pub use client::{ContainerInstances, GroupId, Patience};
pub use deploy::DeployEvent;
#[cfg(test)]
pub use deploy::Deployed;
#[cfg(test)]
pub use desired::changes_that_need_replacement;
pub use desired::{
    Container, Desired, EnvValue, Port, Protocol, PullLogin, RegistryLogin, Replace, RestartPolicy,
};
#[cfg(test)]
pub use failure::DeployError;
pub use group::Group;
