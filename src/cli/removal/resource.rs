//! A deployed resource as its tags describe it.

use crate::run::perform::{DeployedResource, KindWords, ResourceId, ResourceTags};

/// A resource that Shipway deployed.
#[derive(Clone, Debug)]
pub struct TaggedResource {
    pub id: ResourceId,
    pub kind: &'static KindWords,
    pub tags: ResourceTags,
    /// The change that the cloud is making to it, in the cloud's word.
    pub changing: Option<String>,
    /// The names of the images that it runs.
    pub images: Vec<String>,
    /// The command of the cloud's own tool that deletes it.
    pub delete_command: String,
}

impl TaggedResource {
    /// `None` for a resource that Shipway did not deploy.
    pub fn of(resource: DeployedResource) -> Option<Self> {
        Some(Self {
            id: resource.id,
            kind: resource.kind,
            tags: resource.tags?,
            changing: resource.changing,
            images: resource.images,
            delete_command: resource.delete_command,
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

/// A resource that a command lists, and whether it is to be removed.
#[derive(Clone, Debug)]
pub struct ListedResource {
    pub resource: TaggedResource,
    pub goes: bool,
    /// Why it goes or stays.
    pub why: String,
}

#[cfg(test)]
pub mod testing {
    use super::TaggedResource;
    use crate::run::perform::ResourceTags;
    use crate::run::perform::deployed_testing::job_file;

    /// A resource of the plan `shop`, which its tests change.
    pub fn resource(name: &str) -> TaggedResource {
        let tags = ResourceTags {
            plan: "shop".into(),
            repository: Some("octo/demo".into()),
            // 2025-12-31T12:00:00Z.
            run: "01kdt4eyg0000000000000000a".into(),
            service: "web".into(),
            environment: Some("preview".into()),
            ..ResourceTags::default()
        };
        TaggedResource::of(job_file(name, Some(tags), &[])).expect("its tags are Shipway's")
    }
}
