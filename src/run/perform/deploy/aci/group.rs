//! A `deploy` step with `aci`, and what its operations share.

use crate::azure::container_instances::{ContainerInstances, DeployEvent, Group};
use crate::plan::expr::Scope;
use crate::plan::schema::{Aci, Deploy};
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::performer::{Job, Performer};
use serde_json::Value;

/// A `deploy` step with `aci`.
pub struct ContainerGroup<'a> {
    pub performer: &'a Performer,
    /// Index of the service in the plan.
    pub service: usize,
    pub deploy: &'a Deploy,
    /// The keys below `aci`.
    pub keys: &'a Aci,
}

impl<'a> ContainerGroup<'a> {
    pub fn client(&self) -> &'a ContainerInstances {
        &self.performer.services.clients.container_instances
    }

    pub fn settings<'s>(&'s self, scope: &'s Scope) -> AzureSettings<'s> {
        AzureSettings { performer: self.performer, scope }
    }
}

/// A group as Azure reports it.
#[derive(Clone, Debug, Default)]
pub struct LiveGroup {
    pub group: Group,
    /// All of it, with what [`Group`] does not have; `null` after waiting for the
    /// group, when only its state and address are of interest.
    pub document: Value,
}

impl From<Group> for LiveGroup {
    fn from(group: Group) -> Self {
        Self { group, document: Value::Null }
    }
}

pub fn publish(event: DeployEvent, job: &Job) {
    match event {
        DeployEvent::Waited(what) => job.waits_for(what),
        other => job.note(other.to_string()),
    }
}
