//! The clients of Resource Manager. They need a sign-in, and no secret of the plan.

use super::deploy::{Apps, ContainerGroups};
use super::deployed::DeployedResources;
use super::subscription::SubscriptionChoice;
use crate::azure::container_apps::ContainerApps;
use crate::azure::container_instances::{ContainerInstances, Patience};
use crate::azure::registry_tasks::RegistryTasks;
use crate::azure::resource_groups::ResourceGroups;
use crate::azure::{Arm, Credential, Endpoints, Pacing};
use crate::http;
use std::time::Duration;

/// The local cloud has no rate limits, and a dry run should be quick.
const LOCAL_PACING: Pacing =
    Pacing { shortest: Duration::from_millis(50), longest: Duration::from_secs(1) };
const LOCAL_PATIENCE: Patience =
    Patience { steady: Duration::from_secs(1), transition: Duration::from_millis(500) };

#[derive(Clone)]
pub struct AzureClients {
    pub arm: Arm,
    pub container_instances: ContainerInstances,
    pub container_apps: ContainerApps,
    /// What is deployed, of every kind.
    pub deployed: DeployedResources,
    pub registry_tasks: RegistryTasks,
    pub resource_groups: ResourceGroups,
    pub subscription: SubscriptionChoice,
}

/// What the clients are made from.
#[derive(Clone, Copy)]
pub struct AzureAccess<'a> {
    pub http: &'a http::Client,
    pub credential: &'a Credential,
    pub endpoints: &'a Endpoints,
    /// Whether the clients talk to the local cloud.
    pub local: bool,
    /// The value of `AZURE_SUBSCRIPTION_ID`.
    pub subscription: Option<&'a str>,
}

impl AzureClients {
    pub fn new(access: AzureAccess<'_>) -> Self {
        let AzureAccess { http, credential, endpoints, local, subscription } = access;
        let arm = Arm::new(http.clone(), credential.clone(), endpoints.clone());
        let (arm, patience) = if local {
            (arm.paced(LOCAL_PACING), LOCAL_PATIENCE)
        } else {
            (arm, Patience::default())
        };
        Self::over(arm, patience, subscription)
    }

    /// The clients over a client of Resource Manager.
    pub fn over(arm: Arm, patience: Patience, subscription: Option<&str>) -> Self {
        let container_instances = ContainerInstances::new(arm.clone()).patient(patience);
        let groups = ContainerGroups(container_instances.clone());
        let container_apps = ContainerApps::new(arm.clone()).waiting(patience.transition);
        let apps = Apps(container_apps.clone());
        let resource_groups = ResourceGroups::new(arm.clone());
        Self {
            registry_tasks: RegistryTasks::new(arm.clone()),
            arm,
            container_instances,
            container_apps,
            deployed: DeployedResources::new(vec![Box::new(groups), Box::new(apps)]),
            subscription: SubscriptionChoice::new(resource_groups.clone(), subscription),
            resource_groups,
        }
    }
}
