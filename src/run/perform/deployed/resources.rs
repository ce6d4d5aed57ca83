//! All kinds of resources that services are deployed to.

use super::kind::{ContainerProgram, ResourceKind, Terminal};
use super::resource::DeployedResource;
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use std::sync::Arc;

/// The resources of every kind. Cheap to clone.
#[derive(Clone)]
pub struct DeployedResources(Arc<[Box<dyn ResourceKind>]>);

impl DeployedResources {
    pub fn new(kinds: Vec<Box<dyn ResourceKind>>) -> Self {
        Self(kinds.into())
    }

    pub fn kinds(&self) -> impl Iterator<Item = &dyn ResourceKind> {
        self.0.iter().map(|kind| &**kind)
    }

    /// Reads a resource with the state of its containers; `None` where it does not exist.
    pub async fn find(&self, target: &TargetId) -> Result<Option<DeployedResource>, StepError> {
        self.kind_of(target)?.find(target).await
    }

    /// Asks the cloud to delete a resource, and does not wait for it. `false` if it does
    /// not exist.
    pub async fn start_delete(&self, target: &TargetId) -> Result<bool, StepError> {
        self.kind_of(target)?.start_delete(target).await
    }

    /// Deletes a resource, and returns once it no longer exists.
    pub async fn delete(&self, target: &TargetId) -> Result<(), StepError> {
        self.kind_of(target)?.delete(target).await
    }

    /// A container's log with an RFC 3339 timestamp before each line, of the last `tail`
    /// lines or all; empty where there is no log yet.
    pub async fn log(
        &self,
        target: &TargetId,
        container: &str,
        tail: Option<u32>,
    ) -> Result<String, StepError> {
        self.kind_of(target)?.log(target, container, tail).await
    }

    /// Starts a program in a container, on a terminal.
    pub async fn start(
        &self,
        target: &TargetId,
        program: &ContainerProgram<'_>,
    ) -> Result<Terminal, StepError> {
        self.kind_of(target)?.start(target, program).await
    }

    fn kind_of(&self, target: &TargetId) -> Result<&dyn ResourceKind, StepError> {
        self.kinds().find(|kind| kind.owns(target)).ok_or_else(|| {
            StepError::new(format!("`{}` is no kind of resource to deploy to", target.as_str()))
        })
    }
}
