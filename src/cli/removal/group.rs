//! A container group as its tags describe it.

use crate::azure::container_instances::{Group, GroupId};
use crate::run::perform::ResourceTags;

/// A container group that Shipway deployed.
#[derive(Clone, Debug)]
pub struct DeployedGroup {
    pub id: GroupId,
    pub tags: ResourceTags,
    /// Azure's state of the last change of the group, such as `Succeeded`.
    pub provisioning_state: String,
    /// The names of the images that it runs.
    pub images: Vec<String>,
}

impl DeployedGroup {
    /// `None` for a group that Shipway did not deploy.
    pub fn of(group: &Group) -> Option<Self> {
        Some(Self {
            id: GroupId::parse(&group.id)?,
            tags: ResourceTags::read(&group.tags)?,
            provisioning_state: group.properties.provisioning_state.clone(),
            images: group.images().map(str::to_owned).collect(),
        })
    }

    /// The number of the pull request. `None` without one, or if the tag is not a
    /// number.
    pub fn pull_request(&self) -> Option<u64> {
        self.tags.pull_request.as_ref()?.parse().ok()
    }

    /// Whether it was deployed from this repository. GitHub ignores the case of names.
    pub fn is_of(&self, repository: Option<&str>) -> bool {
        match (&self.tags.repository, repository) {
            (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }
}

/// A group that a command lists, and whether it is to be removed.
#[derive(Clone, Debug)]
pub struct ListedGroup {
    pub group: DeployedGroup,
    pub goes: bool,
    /// Why it goes or stays.
    pub why: String,
}

#[cfg(test)]
pub mod testing {
    use super::DeployedGroup;
    use crate::azure::container_instances::GroupId;
    use crate::run::perform::ResourceTags;

    /// A group of the plan `shop`, which its tests change.
    pub fn group(name: &str) -> DeployedGroup {
        DeployedGroup {
            id: GroupId {
                subscription: "s".into(),
                resource_group: "demo".into(),
                name: name.into(),
            },
            tags: ResourceTags {
                plan: "shop".into(),
                repository: Some("octo/demo".into()),
                // 2025-12-31T12:00:00Z.
                run: "01kdt4eyg0000000000000000a".into(),
                service: "web".into(),
                environment: Some("preview".into()),
                ..ResourceTags::default()
            },
            provisioning_state: "Succeeded".into(),
            images: Vec::new(),
        }
    }
}
