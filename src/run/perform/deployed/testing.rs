//! Deployed resources for tests, of a second kind: job files, as a scheduler keeps them.

use super::container::DeployedContainer;
pub use super::container::Health;
use super::kind::{ContainerProgram, ResourceKind, Terminal};
use super::resource::{DeployedResource, ResourceId};
use super::resources::DeployedResources;
use super::tags::ResourceTags;
use super::words::KindWords;
use crate::azure::container_instances::Patience;
use crate::azure::{Arm, ArmError};
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::AzureClients;
use crate::run::perform::deploy::ContainerGroups;
use async_trait::async_trait;
use std::sync::{Arc, Mutex};

pub const JOB_FILE: KindWords = KindWords {
    // The plans of the tests deploy with it.
    key: "aci",
    name: "job file",
    short: "file",
    no_url: "a job file has no port",
    url_help: "deploy it to something else",
};

/// The folder of all job files, in memory.
#[derive(Clone, Default)]
pub struct JobFiles {
    pub files: Arc<Mutex<Vec<DeployedResource>>>,
    pub calls: Arc<Mutex<Vec<String>>>,
    /// Whether a deletion never ends.
    pub is_stuck: bool,
}

impl JobFiles {
    pub fn of(files: Vec<DeployedResource>) -> Self {
        Self { files: Arc::new(Mutex::new(files)), ..Self::default() }
    }

    /// With this kind alone.
    pub fn resources(&self) -> DeployedResources {
        DeployedResources::new(vec![Box::new(self.clone())])
    }

    pub fn names(&self) -> Vec<String> {
        let files = self.files.lock().expect("no panic");
        files.iter().map(|file| file.id.name.clone()).collect()
    }

    fn called(&self, operation: &str, target: &TargetId) {
        let call = format!("{operation} {}", target.as_str());
        self.calls.lock().expect("no panic").push(call);
    }

    fn remove(&self, target: &TargetId) -> bool {
        let mut files = self.files.lock().expect("no panic");
        let before = files.len();
        files.retain(|file| file.id.target != *target);
        files.len() < before
    }
}

#[async_trait]
impl ResourceKind for JobFiles {
    fn words(&self) -> &'static KindWords {
        &JOB_FILE
    }

    fn owns(&self, target: &TargetId) -> bool {
        target.as_str().starts_with("file:")
    }

    async fn list(
        &self,
        _subscription: &str,
        resource_group: Option<&str>,
    ) -> Result<Vec<DeployedResource>, ArmError> {
        let mut files = self.files.lock().expect("no panic").clone();
        files.retain(|file| resource_group.is_none_or(|group| file.id.resource_group == group));
        Ok(files)
    }

    async fn find(&self, target: &TargetId) -> Result<Option<DeployedResource>, StepError> {
        self.called("find", target);
        let files = self.files.lock().expect("no panic");
        Ok(files.iter().find(|file| file.id.target == *target).cloned())
    }

    async fn start_delete(&self, target: &TargetId) -> Result<bool, StepError> {
        self.called("start deleting", target);
        Ok(self.remove(target))
    }

    async fn delete(&self, target: &TargetId) -> Result<(), StepError> {
        self.called("delete", target);
        if self.is_stuck {
            std::future::pending::<()>().await;
        }
        self.remove(target);
        Ok(())
    }

    async fn log(
        &self,
        target: &TargetId,
        container: &str,
        _tail: Option<u32>,
    ) -> Result<String, StepError> {
        self.called("log", target);
        Ok(format!("2026-01-03T12:00:00Z {container} works\n"))
    }

    async fn start(
        &self,
        _target: &TargetId,
        _program: &ContainerProgram<'_>,
    ) -> Result<Terminal, StepError> {
        Err(StepError::new("a job file has no terminal"))
    }
}

/// Clients that know job files beside the container groups that `arm` serves.
pub fn azure_clients(arm: Arm, files: &JobFiles) -> AzureClients {
    let clients = AzureClients::over(arm, Patience::default(), Some("s"));
    let groups = ContainerGroups(clients.container_instances.clone());
    let deployed = DeployedResources::new(vec![Box::new(groups), Box::new(files.clone())]);
    AzureClients { deployed, ..clients }
}

pub fn id(name: &str) -> ResourceId {
    let target = format!("file:{name}").into();
    ResourceId { resource_group: "demo".into(), name: name.into(), target }
}

/// A container that runs.
pub fn container(name: &str, image: &str) -> DeployedContainer {
    DeployedContainer {
        name: name.into(),
        image: image.into(),
        health: Health { is_well: true, ..Health::new("running", 0) },
        is_running: true,
        started: None,
        exit_code: None,
        previous: None,
    }
}

/// A job file with these tags and images.
pub fn job_file(name: &str, tags: Option<ResourceTags>, images: &[&str]) -> DeployedResource {
    DeployedResource {
        id: id(name),
        kind: &JOB_FILE,
        tags,
        state: "Running".into(),
        changing: None,
        has_ended: false,
        changed_outside: None,
        images: images.iter().map(|&image| image.to_owned()).collect(),
        containers: images.iter().map(|image| container(name, image)).collect(),
        urls: Vec::new(),
        revision: None,
        delete_command: format!("rm {name}"),
    }
}
