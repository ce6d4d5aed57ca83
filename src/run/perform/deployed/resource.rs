//! A deployed resource, in words that every kind has.

use super::container::DeployedContainer;
use super::revision::DeployedRevision;
use super::tags::ResourceTags;
use super::words::KindWords;
use crate::journal::TargetId;
use std::fmt;

/// The id of a deployed resource, and the parts of it that people are shown.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ResourceId {
    pub resource_group: String,
    pub name: String,
    /// The whole id, always spelled in the same way.
    pub target: TargetId,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.target.as_str())
    }
}

/// A resource that services can be deployed to, as the cloud reports it.
#[derive(Clone, Debug)]
pub struct DeployedResource {
    pub id: ResourceId,
    pub kind: &'static KindWords,
    /// What its tags say; `None` if Shipway did not deploy it.
    pub tags: Option<ResourceTags>,
    /// The state in the cloud's word; empty where it is not known, as in a list.
    pub state: String,
    /// The change that the cloud is making to it, in the cloud's word.
    pub changing: Option<String>,
    /// Whether none of its containers will run again.
    pub has_ended: bool,
    /// Whether it is no longer as its last deploy put it; `None` if that is not known.
    pub changed_outside: Option<bool>,
    /// The names of all images that it runs.
    pub images: Vec<String>,
    pub containers: Vec<DeployedContainer>,
    /// The URL of each public port.
    pub urls: Vec<String>,
    /// The version that it runs; `None` if Shipway did not deploy it, or its image has no
    /// digest.
    pub revision: Option<DeployedRevision>,
    /// The command of the cloud's own tool that deletes it.
    pub delete_command: String,
}

impl DeployedResource {
    pub fn container(&self, name: &str) -> Option<&DeployedContainer> {
        self.containers.iter().find(|container| container.name == name)
    }
}
