//! Apps for the commands that look after what is deployed.

use super::version::current;
use crate::azure::ArmError;
use crate::azure::container_apps::{
    App, AppPart, AppTarget, ContainerApps, Replica, ReplicaContainer, is_as_deployed,
};
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::deployed::{
    ContainerProgram, DeployedContainer, DeployedResource, Health, KindWords, ResourceId,
    ResourceKind, Terminal,
};
use async_trait::async_trait;

pub const WORDS: KindWords = KindWords {
    key: "container-app",
    name: "app",
    short: "app",
    no_url: "it has no ingress",
    url_help: "give it one with `ingress` in its `container-app`",
};

/// The apps of Azure Container Apps.
pub struct Apps(pub ContainerApps);

#[async_trait]
impl ResourceKind for Apps {
    fn words(&self) -> &'static KindWords {
        &WORDS
    }

    fn owns(&self, target: &TargetId) -> bool {
        AppTarget::parse(target.as_str())
            .is_some_and(|target| !matches!(target.part, AppPart::Revision(_)))
    }

    async fn list(
        &self,
        subscription: &str,
        resource_group: Option<&str>,
    ) -> Result<Vec<DeployedResource>, ArmError> {
        let listed = self.0.list(subscription, resource_group).await?;
        Ok(listed.iter().map(|app| resource(app, &[])).collect())
    }

    async fn find(&self, target: &TargetId) -> Result<Option<DeployedResource>, StepError> {
        let part = part_of(target)?;
        let Some(app) = self.0.find_part(&part).await? else { return Ok(None) };
        let replicas = self.0.replicas(&part.app, app.revision()).await?;
        Ok(Some(resource(&app, &replicas)))
    }

    async fn start_delete(&self, target: &TargetId) -> Result<bool, StepError> {
        let AppTarget { app, part } = part_of(target)?;
        match part {
            AppPart::Label(label) => Ok(self.0.remove_label(&app, &label).await?),
            AppPart::Whole | AppPart::Revision(_) => Ok(self.0.start_delete(&app).await?.is_some()),
        }
    }

    async fn delete(&self, target: &TargetId) -> Result<(), StepError> {
        Ok(self.0.delete_part(&part_of(target)?).await?)
    }

    async fn log(
        &self,
        target: &TargetId,
        container: &str,
        tail: Option<u32>,
    ) -> Result<String, StepError> {
        Ok(self.0.timed_log(&part_of(target)?, container, tail).await?)
    }

    async fn start(
        &self,
        target: &TargetId,
        program: &ContainerProgram<'_>,
    ) -> Result<Terminal, StepError> {
        let ContainerProgram { container, program, size } = *program;
        let opened = self.0.exec(&part_of(target)?, container, program, size).await?;
        Ok(Terminal { sender: opened.sender, receiver: opened.receiver })
    }
}

/// The app, or the part of one, that an id stands for.
pub fn part_of(target: &TargetId) -> Result<AppTarget, StepError> {
    AppTarget::parse(target.as_str())
        .ok_or_else(|| StepError::new(format!("`{}` is not the id of an app", target.as_str())))
}

/// An app in the words that every kind has.
fn resource(app: &App, replicas: &[Replica]) -> DeployedResource {
    let id = AppTarget::parse(app.id());
    // What has no id in the usual form cannot be read or deleted by it, so no command may
    // take it for what Shipway deployed. The images that it runs count all the same.
    let tags = id.as_ref().and_then(|_| ResourceTags::read(&app.tags()));
    let label = id.as_ref().and_then(|id| match &id.part {
        AppPart::Label(label) => Some(label.clone()),
        AppPart::Whole | AppPart::Revision(_) => None,
    });
    let id = match id {
        Some(id) => ResourceId {
            target: id.to_string().into(),
            resource_group: id.app.resource_group,
            // As in the name under which it is reached.
            name: match &label {
                Some(label) => format!("{}---{label}", id.app.name),
                None => id.app.name,
            },
        },
        None => ResourceId {
            target: app.id().to_owned().into(),
            resource_group: String::new(),
            name: app.name().to_owned(),
        },
    };
    let changing = app.provisioning_state();
    DeployedResource {
        kind: &WORDS,
        tags,
        state: app.running_status().to_owned(),
        changing: (changing == "InProgress").then(|| changing.to_owned()),
        has_ended: app.is_stopped(),
        changed_outside: is_as_deployed(app).map(|is_same| !is_same),
        images: app.images().map(str::to_owned).collect(),
        containers: containers(app, replicas),
        urls: app.url().into_iter().collect(),
        revision: current(app),
        delete_command: delete_command(&id.resource_group, app.name(), label.as_deref()),
        id,
    }
}

fn delete_command(resource_group: &str, name: &str, label: Option<&str>) -> String {
    let of = format!("--resource-group {resource_group} --name {name}");
    match label {
        Some(label) => format!("az containerapp revision label remove {of} --label {label}"),
        None => format!("az containerapp delete {of}"),
    }
}

/// The containers of the revision that gets the requests, each as its first replica shows it.
fn containers(app: &App, replicas: &[Replica]) -> Vec<DeployedContainer> {
    let first = replicas.first();
    let described = app.containers().map(|container| {
        let text = |member: &str| container[member].as_str().unwrap_or_default().to_owned();
        let name = text("name");
        let found = first
            .and_then(|replica| replica.properties.containers.iter().find(|it| it.name == name));
        DeployedContainer {
            image: text("image"),
            health: health(found, app),
            is_running: found.is_some_and(ReplicaContainer::is_running),
            started: first.and_then(|replica| replica.properties.created_time.clone()),
            exit_code: None,
            previous: None,
            name,
        }
    });
    described.collect()
}

fn health(container: Option<&ReplicaContainer>, app: &App) -> Health {
    let Some(container) = container else {
        // Scaled to nothing: a request starts it.
        let is_ready = app.is_ready();
        let word = if is_ready { "asleep" } else { "pending" };
        return Health { is_well: is_ready, ..Health::new(word, 0) };
    };
    let restarts = container.restart_count;
    let detail = container.running_state_details.clone().unwrap_or_default();
    let (word, is_well) = match container.running_state.as_deref() {
        Some("Running") if container.ready => ("running", true),
        Some("Running") => ("not ready", false),
        Some("Waiting") if restarts > 0 => ("restarting", false),
        Some("Waiting") => ("waiting", false),
        Some("Terminated") => ("ended", false),
        Some(_) | None => ("unknown", false),
    };
    Health { detail, is_well, ..Health::new(word, restarts) }
}

#[cfg(test)]
mod tests {
    use super::resource;
    use crate::azure::container_apps::App;
    use serde_json::json;

    #[test]
    fn app_is_told_in_the_words_of_every_kind() {
        let app: App = serde_json::from_value(json!({
            "id": "/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/containerapps/web",
            "name": "web",
            "tags": { "shipway-plan": "shop", "shipway-run": "01", "shipway-service": "web" },
            "properties": {
                "provisioningState": "Succeeded", "runningStatus": "Running",
                "latestRevisionName": "web--r1", "latestReadyRevisionName": "web--r1",
                "configuration": { "ingress": { "fqdn": "web.x.azurecontainerapps.io" } },
                "template": { "containers": [{ "name": "web", "image": "a.io/web:v1" }] },
            },
        }))
        .expect("an app");
        let replicas = serde_json::from_value::<Vec<_>>(json!([{ "name": "a", "properties": {
            "containers": [{ "name": "web", "ready": true, "runningState": "Running" }] } }]))
        .expect("replicas");
        let found = resource(&app, &replicas);
        assert_eq!(found.urls, ["https://web.x.azurecontainerapps.io"]);
        assert_eq!(found.containers[0].health.describe(), "running");
        assert_eq!(found.delete_command, "az containerapp delete --resource-group demo --name web");
        assert_eq!(resource(&app, &[]).containers[0].health.describe(), "asleep");
        assert_eq!(found.tags.map(|tags| tags.plan), Some("shop".to_owned()));
    }
}
