//! A `deploy` step with `aci`, and what its operations share.

use crate::azure::container_instances::{ContainerInstances, DeployEvent};
use crate::plan::expr::Scope;
use crate::plan::schema::{Aci, Deploy};
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::performer::{Job, Performer};

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
        &self.performer.services.clients.azure.container_instances
    }

    pub fn settings<'s>(&'s self, scope: &'s Scope) -> AzureSettings<'s> {
        AzureSettings { performer: self.performer, scope }
    }
}

pub fn publish(event: DeployEvent, job: &Job) {
    match event {
        DeployEvent::Waited(what) => job.waits_for(what),
        other => job.note(other.to_string()),
    }
}
