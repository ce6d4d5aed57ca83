//! Container groups for the commands that look after what is deployed.

use super::health::{container, has_ended};
use super::version::current;
use crate::azure::ArmError;
use crate::azure::container_instances::{
    ContainerInstances, ContainerTerminal, Group, GroupId, is_as_deployed,
};
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::deployed::{
    ContainerProgram, DeployedResource, KindWords, ResourceId, ResourceKind, Terminal,
};
use async_trait::async_trait;

pub const WORDS: KindWords = KindWords {
    key: "aci",
    name: "container group",
    short: "group",
    no_url: "it has no public port",
    url_help: "give it one with `ports` in its `aci`",
};

/// The states of a group's last change in which it goes on.
const CHANGING: [&str; 4] = ["Pending", "Creating", "Updating", "Repairing"];

/// The container groups of Azure Container Instances.
pub struct ContainerGroups(pub ContainerInstances);

#[async_trait]
impl ResourceKind for ContainerGroups {
    fn words(&self) -> &'static KindWords {
        &WORDS
    }

    fn owns(&self, target: &TargetId) -> bool {
        GroupId::parse(target.as_str()).is_some()
    }

    async fn list(
        &self,
        subscription: &str,
        resource_group: Option<&str>,
    ) -> Result<Vec<DeployedResource>, ArmError> {
        let listed = match resource_group {
            Some(name) => self.0.list(subscription, name).await,
            None => self.0.list_all(subscription).await,
        };
        Ok(listed?.iter().map(resource).collect())
    }

    async fn find(&self, target: &TargetId) -> Result<Option<DeployedResource>, StepError> {
        Ok(self.0.find(&group_id(target)?).await?.as_ref().map(resource))
    }

    async fn start_delete(&self, target: &TargetId) -> Result<bool, StepError> {
        Ok(self.0.start_delete(&group_id(target)?).await?.is_some())
    }

    async fn delete(&self, target: &TargetId) -> Result<(), StepError> {
        Ok(self.0.delete(&group_id(target)?).await?)
    }

    async fn log(
        &self,
        target: &TargetId,
        container: &str,
        tail: Option<u32>,
    ) -> Result<String, StepError> {
        let log = self.0.timed_log(&group_id(target)?, container, tail).await?;
        Ok(log.unwrap_or_default())
    }

    async fn start(
        &self,
        target: &TargetId,
        program: &ContainerProgram<'_>,
    ) -> Result<Terminal, StepError> {
        let ContainerProgram { container, program, size } = *program;
        let opened = self.0.exec(&group_id(target)?, container, program, size).await?;
        let ContainerTerminal { sender, receiver } = opened;
        Ok(Terminal { sender, receiver })
    }
}

/// The group that an id stands for.
pub fn group_id(target: &TargetId) -> Result<GroupId, StepError> {
    GroupId::parse(target.as_str()).ok_or_else(|| {
        StepError::new(format!("`{}` is not the id of a container group", target.as_str()))
    })
}

/// A group in the words that every kind has.
fn resource(group: &Group) -> DeployedResource {
    let id = GroupId::parse(&group.id);
    // What has no id in the usual form cannot be read or deleted by it, so no command may
    // take it for what Shipway deployed. The images that it runs count all the same.
    let tags = id.as_ref().and_then(|_| ResourceTags::read(&group.tags));
    let id = match id {
        Some(id) => ResourceId {
            target: id.to_string().into(),
            resource_group: id.resource_group,
            name: id.name,
        },
        None => ResourceId {
            target: group.id.clone().into(),
            resource_group: String::new(),
            name: group.name.clone(),
        },
    };
    let state = &group.properties.provisioning_state;
    DeployedResource {
        kind: &WORDS,
        tags,
        state: group.state().to_owned(),
        changing: CHANGING.contains(&state.as_str()).then(|| state.clone()),
        has_ended: has_ended(group),
        changed_outside: is_as_deployed(group).map(|is_same| !is_same),
        images: group.images().map(str::to_owned).collect(),
        containers: group.properties.containers.iter().map(|it| container(it, group)).collect(),
        urls: group.urls(),
        revision: current(group),
        delete_command: format!(
            "az container delete --resource-group {} --name {}",
            id.resource_group, id.name
        ),
        id,
    }
}

#[cfg(test)]
mod tests {
    use super::{ContainerGroups, ResourceKind as _};
    use crate::azure::container_instances::ContainerInstances;
    use crate::azure::fake::{FakeAzure, Reply};
    use crate::journal::TargetId;
    use crate::run::perform::deployed::DeployedResource;
    use serde_json::{Value, json};

    const PROVIDER: &str = "/providers/Microsoft.ContainerInstance/containerGroups";

    fn path(name: &str) -> String {
        format!("/subscriptions/s/resourceGroups/demo{PROVIDER}/{name}")
    }

    fn target(name: &str) -> TargetId {
        path(name).into()
    }

    async fn fake(replies: Vec<(&str, Vec<Reply>)>) -> (FakeAzure, ContainerGroups) {
        let replies = replies.into_iter().map(|(request, replies)| {
            let (method, path) = request.split_once(' ').expect("a method and a path");
            (format!("{method} management.azure.com{path}"), replies)
        });
        let replies: Vec<(String, Vec<Reply>)> = replies.collect();
        let script = replies.iter().map(|(request, replies)| (request.as_str(), replies.clone()));
        let fake = FakeAzure::script(script.collect()).await;
        let groups = ContainerGroups(ContainerInstances::new(fake.arm()));
        (fake, groups)
    }

    async fn listed(groups: &[Value]) -> Vec<DeployedResource> {
        let list = format!("GET /subscriptions/s{PROVIDER}");
        let reply = Reply::json(200, &json!({ "value": groups }));
        let (_fake, kind) = fake(vec![(&list, vec![reply])]).await;
        kind.list("s", None).await.expect("a list")
    }

    fn images(images: &[&str]) -> Value {
        let container = |image| json!({ "name": "c", "properties": { "image": image } });
        images.iter().map(container).collect()
    }

    #[tokio::test]
    async fn listed_group_has_its_tags_images_and_state() {
        let listed = listed(&[json!({
            "id": path("web").replace("resourceGroups", "resourcegroups"), "name": "web",
            "tags": {
                "Shipway-Plan": "shop", "shipway-run": "01jd", "shipway-service": "web",
            },
            "properties": {
                "provisioningState": "Updating",
                "initContainers": [
                    { "name": "migrate", "properties": { "image": "demo.azurecr.io/migrate:v1" } },
                    { "name": "none", "properties": { "image": null } },
                ],
                "containers": images(&["demo.azurecr.io/web:v1", ""]),
            },
        })])
        .await;

        let [web] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!(web.id.to_string(), path("web"), "always spelled in the same way");
        assert_eq!((web.id.name.as_str(), web.id.resource_group.as_str()), ("web", "demo"));
        assert_eq!(web.tags.as_ref().map(|tags| tags.plan.as_str()), Some("shop"));
        assert_eq!(web.changing.as_deref(), Some("Updating"));
        assert_eq!(web.images, ["demo.azurecr.io/migrate:v1", "demo.azurecr.io/web:v1"]);
        assert_eq!(web.delete_command, "az container delete --resource-group demo --name web");
    }

    #[tokio::test]
    async fn group_with_an_unknown_form_of_id_is_not_taken_for_one_of_shipway() {
        let listed = listed(&[json!({
            "id": "/somewhere/else", "name": "web",
            "tags": {
                "shipway-plan": "shop", "shipway-run": "01jd", "shipway-service": "web",
            },
            "properties": { "containers": images(&["demo.azurecr.io/web:v1"]) },
        })])
        .await;

        assert_eq!(listed[0].tags, None);
        assert_eq!(listed[0].images, ["demo.azurecr.io/web:v1"]);
    }

    #[tokio::test]
    async fn deletion_is_waited_for_only_if_asked() {
        let (get, delete) = (format!("GET {}", path("g")), format!("DELETE {}", path("g")));
        let gone = Reply::json(404, &json!({ "error": { "code": "ResourceNotFound" } }));
        let old = Reply::json(200, &json!({ "properties": {} }));
        let replies = vec![(get.as_str(), vec![gone.clone()]), (&delete, vec![old.clone()])];
        let (fake_azure, kind) = fake(replies).await;
        kind.delete(&target("g")).await.expect("deleted");
        let methods = |fake: &FakeAzure| -> Vec<String> {
            let asked = fake.requests().into_iter();
            let asked = asked.filter(|asked| asked.to.starts_with("management"));
            asked.map(|asked| asked.method).collect()
        };
        assert_eq!(methods(&fake_azure), ["DELETE", "GET"]);

        let (fake_azure, kind) = fake(vec![(&delete, vec![old])]).await;
        assert!(kind.start_delete(&target("g")).await.expect("started"));
        assert_eq!(methods(&fake_azure), ["DELETE"]);

        let (_fake, kind) = fake(vec![(&delete, vec![gone])]).await;
        assert!(!kind.start_delete(&target("g")).await.expect("nothing to delete"));
    }

    #[test]
    fn only_ids_of_container_groups_are_its_own() {
        let groups = |id: &str| super::group_id(&id.to_owned().into()).is_ok();
        assert!(groups(&path("web")));
        assert!(!groups("/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/jobs/web"));
    }
}
