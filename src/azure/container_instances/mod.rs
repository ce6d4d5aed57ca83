//! Azure Container Instances: creates container groups and watches them.
//!
//! A group is put, then read until its containers have run for a moment or have
//! failed: an operation that "succeeded" says nothing about containers. Address
//! and URLs are read from the group and never computed.

mod body;
mod broken;
mod client;
mod deploy;
mod desired;
mod difference;
mod evidence;
mod exec;
mod failure;
mod group;
mod id;
mod inspect;
mod normal;
mod previous;
mod property;
mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod untrusted;
mod watch;

pub use crate::azure::{EnvValue, Identities};
pub use crate::value::{Port, Replace};
pub use client::{ContainerInstances, Patience};
pub use deploy::DeployEvent;
pub use desired::{Container, Desired, InitContainer};
pub use difference::{difference, is_as_deployed};
pub use exec::ContainerTerminal;
#[cfg(test)]
pub use failure::GroupError;
pub use group::{ContainerState, ContainerView, Group, GroupContainer};
pub use id::GroupId;
pub use previous::{KnownValues, PreviousGroup};
pub use settings::{
    DnsConfig, Gpu, Hosting, Limits, LogAnalytics, Mount, Probe, ProbeRequest, Probes, Volume,
    VolumeFiles,
};
