//! `deploy`: where an image runs.

use super::aci::{Aci, Container, InitContainer, VariableValue};
use super::container_app::ContainerApp;
use super::job_file::{BatchAiJob, BatchTask, JobFileKeys};
use super::require::Require;
use super::text::{Map, Text};
use crate::oci::Reference;
use crate::plan::describe::{PlanKeys as _, choice, key, mapping};
use crate::plan::parse::{Entries, Reader};
use crate::plan::tree::EntryKey;

mapping! {
    /// To what an image is deployed.
    pub struct Deploy = "`deploy`" {
        flattened pub kind: DeployKind,
        /// Another image than what the service pushed.
        pub image: Option<Text> = key("image")
            .is::<Reference>()
            .names_image()
            .absent("what the service pushed"),
        /// What must hold of each image before anything is changed: `{ signed-by, provenance }`.
        pub require: Option<Require> = key("require").absent("nothing"),
    }
}

choice! {
    /// To what a service is deployed.
    pub enum DeployKind {
        /// Container group in Azure Container Instances.
        Aci(Box<Aci>) = key("aci"),
        /// App in Azure Container Apps.
        ContainerApp(Box<ContainerApp>) = key("container-app"),
        /// File of a job of Batch AI that the image is written into.
        BatchAiJob(Box<BatchAiJob>) = key("batch-ai-job"),
        /// File of a task of Azure Batch that the image is written into.
        BatchTask(Box<BatchTask>) = key("batch-task"),
    }
}

impl DeployKind {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let mut named =
            entries.keys().filter(|found| Self::KEYS.iter().any(|key| key.name == found.value));
        let chosen = named.next();
        if let (Some(first), Some(second)) = (chosen, named.next()) {
            reader.conflict(second, first, "a step deploys to one of them");
        }
        if chosen.is_none() {
            let help = "it deploys to Container Instances, `container-app` to Container Apps, and \
                        `batch-task` writes a file for Azure Batch";
            reader.missing(entries, "aci", help);
        }
        chosen
    }
}

/// What all targets have in common.
impl Deploy {
    /// The step's own resource group, which overrides the plan's.
    pub fn resource_group(&self) -> Option<&Text> {
        match &self.kind {
            DeployKind::Aci(aci) => aci.resource_group.as_ref(),
            DeployKind::ContainerApp(app) => app.resource_group.as_ref(),
            DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => None,
        }
    }

    /// The containers beside the first.
    pub fn containers(&self) -> &[Container] {
        match &self.kind {
            DeployKind::Aci(aci) => &aci.containers,
            DeployKind::ContainerApp(_) | DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => {
                &[]
            }
        }
    }

    /// The containers that run before the others.
    pub fn init_containers(&self) -> &[InitContainer] {
        match &self.kind {
            DeployKind::Aci(aci) => &aci.init_containers,
            DeployKind::ContainerApp(_) | DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => {
                &[]
            }
        }
    }

    /// The keys below `aci`, if it deploys to a container group.
    pub fn aci(&self) -> impl Iterator<Item = &Aci> {
        let aci = match &self.kind {
            DeployKind::Aci(aci) => Some(&**aci),
            DeployKind::ContainerApp(_) | DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => {
                None
            }
        };
        aci.into_iter()
    }

    /// The keys below `container-app`, if it deploys to an app.
    pub fn container_app(&self) -> Option<&ContainerApp> {
        match &self.kind {
            DeployKind::ContainerApp(app) => Some(app),
            DeployKind::Aci(_) | DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => None,
        }
    }

    /// The keys of a job file.
    pub fn job_file(&self) -> Option<JobFileKeys<'_>> {
        match &self.kind {
            DeployKind::Aci(_) | DeployKind::ContainerApp(_) => None,
            DeployKind::BatchAiJob(job) => Some(job.keys()),
            DeployKind::BatchTask(task) => Some(task.keys()),
        }
    }

    /// The password that is written into the file of a job.
    pub fn job_password(&self) -> Option<&Text> {
        match &self.kind {
            DeployKind::Aci(_) | DeployKind::ContainerApp(_) => None,
            DeployKind::BatchAiJob(job) => job.credentials.as_ref()?.password.as_ref(),
            DeployKind::BatchTask(task) => task.credentials.as_ref()?.password.as_ref(),
        }
    }

    /// Whether it changes a resource of Azure, and not a file alone.
    pub fn is_to_azure(&self) -> bool {
        match &self.kind {
            DeployKind::Aci(_) | DeployKind::ContainerApp(_) => true,
            DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => false,
        }
    }

    /// The environment variables of each container.
    pub fn variables(&self) -> impl Iterator<Item = &Map<VariableValue>> {
        let app = self.container_app().map(|app| &app.env);
        let all = self.aci().flat_map(Aci::all_settings).map(|settings| &settings.env);
        let init = self.init_containers().iter().map(|container| &container.env);
        all.chain(init).chain(app)
    }

    /// Whether requests can reach it.
    pub fn has_ports(&self) -> bool {
        match &self.kind {
            DeployKind::Aci(aci) => aci.all_ports().next().is_some(),
            DeployKind::ContainerApp(app) => app.ingress.is_some(),
            DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => false,
        }
    }

    /// What has to be said so that requests can reach it.
    pub fn port_help(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "add the port on which it listens to `aci`, as in `ports: [80]`",
            DeployKind::ContainerApp(_) => {
                "add the port on which it listens to `container-app`, as in \
                 `ingress: { target-port: 80 }`"
            }
            DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => {
                "the file of a job is written, and nothing runs yet"
            }
        }
    }

    /// The key that says to what it deploys.
    pub fn key(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "aci",
            DeployKind::ContainerApp(_) => "container-app",
            DeployKind::BatchAiJob(_) => "batch-ai-job",
            DeployKind::BatchTask(_) => "batch-task",
        }
    }

    /// What is deployed, as it is called.
    pub fn resource(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "container group",
            DeployKind::ContainerApp(_) => "app",
            DeployKind::BatchAiJob(_) | DeployKind::BatchTask(_) => "job file",
        }
    }

    /// The service of the cloud that runs the image, as it is called.
    pub fn runs_on(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "Container Instances",
            DeployKind::ContainerApp(_) => "Container Apps",
            DeployKind::BatchAiJob(_) => "Batch AI",
            DeployKind::BatchTask(_) => "Azure Batch",
        }
    }

    /// Gives this image to each container that runs what the service pushed, and to the
    /// first.
    pub fn set_image(&mut self, image: &Text) {
        self.image = Some(image.clone());
        let DeployKind::Aci(aci) = &mut self.kind else { return };
        let further = aci.containers.iter_mut().map(|container| &mut container.image);
        let init = aci.init_containers.iter_mut().map(|container| &mut container.image);
        for named in further.chain(init) {
            named.get_or_insert_with(|| image.clone());
        }
    }

    /// The image of each container, init containers last; `None` stands for what the
    /// service pushed.
    pub fn images(&self) -> Vec<Option<&Text>> {
        let further = self.containers().iter().map(|it| it.image.as_ref());
        let init = self.init_containers().iter().map(|it| it.image.as_ref());
        std::iter::once(self.image.as_ref()).chain(further).chain(init).collect()
    }
}
