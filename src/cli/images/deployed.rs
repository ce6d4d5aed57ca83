//! Asks Azure which images the container groups of the plan's subscription run.

use crate::azure::container_instances::Group;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::cli::session::container_groups::ContainerGroups;
use crate::oci::{Reference, registry_host};
use crate::run::outcome::StepError;
use crate::run::perform::Clients;

/// The images that are deployed, or why they are not known.
#[derive(Clone, Debug)]
pub enum Running {
    /// All of them.
    Known(Vec<ImageUse>),
    /// None, for this reason.
    Unknown(String),
    /// Some of them. Another group runs an image whose name cannot be parsed, for
    /// the reason `why`, and which may be any image.
    Unclear { uses: Vec<ImageUse>, why: String },
}

/// An image that a container group runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageUse {
    /// The name of the group.
    pub group: String,
    pub image: Reference,
}

impl Running {
    /// Why not all images are known, or `None` if they are.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) | Self::Unclear { why, .. } => Some(why),
        }
    }

    /// What to do about that before images are removed.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(_) => Some(
                "sign in to Azure with a plan that has `azure`, or say `--registry-only` to go by the registry alone",
            ),
            Self::Unclear { .. } => Some(
                "deploy the group again with an image by its full name, or delete it; `--registry-only` keeps what is known to run, and that alone",
            ),
        }
    }

    /// The deployed images of a repository.
    pub fn of<'a>(&'a self, host: &'a str, repository: &'a str) -> Vec<&'a ImageUse> {
        let (Self::Known(uses) | Self::Unclear { uses, .. }) = self else { return Vec::new() };
        let host = registry(host);
        let here = |one: &&ImageUse| {
            registry(&one.image.host) == host && one.image.repository == repository
        };
        uses.iter().filter(here).collect()
    }
}

pub struct Deployed<'a> {
    pub session: &'a PlanSession,
    pub connections: &'a Connections,
    pub clients: &'a Clients,
}

impl Deployed<'_> {
    /// Lists the groups of the subscription, or only those of the plan's resource
    /// groups if the credential may not list all.
    pub async fn find(&self) -> Running {
        if self.session.plan.azure.is_none() && self.connections.subscription.is_none() {
            let why = if self.session.file.is_none() {
                "there is no plan, and `AZURE_SUBSCRIPTION_ID` is not set"
            } else {
                "the plan has no `azure`"
            };
            return Running::Unknown(why.to_owned());
        }
        match self.groups().await {
            Ok(groups) => running(&groups),
            Err(error) => {
                let chain = error.shown(&self.session.redactor, None).chain;
                Running::Unknown(chain.join(": "))
            }
        }
    }

    async fn groups(&self) -> Result<Vec<Group>, StepError> {
        let PlanSession { plan, scope, .. } = self.session;
        let subscription = self.clients.subscription.id(plan, scope).await?;
        let instances = &self.clients.container_instances;
        ContainerGroups { session: self.session, instances }.all(&subscription).await
    }
}

/// The usual name of a registry: Docker Hub has several.
fn registry(host: &str) -> String {
    registry_host(host.strip_suffix(":443").unwrap_or(host))
}

/// Every image of every group, each once.
fn running(groups: &[Group]) -> Running {
    let mut uses = Vec::new();
    let mut unclear = None;
    for group in groups {
        for image in group.images() {
            match image.parse() {
                Ok(image) => {
                    let one = ImageUse { group: group.name.clone(), image };
                    if !uses.contains(&one) {
                        uses.push(one);
                    }
                }
                Err(error) => {
                    let name = &group.name;
                    unclear = Some(format!("the group `{name}` runs `{image}`: {error}"));
                }
            }
        }
    }
    match unclear {
        None => Running::Known(uses),
        Some(why) => Running::Unclear { uses, why },
    }
}

#[cfg(test)]
mod tests {
    use super::{Running, running};
    use crate::azure::container_instances::Group;
    use serde_json::{Value, json};

    fn container(image: &str) -> Value {
        json!({ "name": "c", "properties": { "image": image } })
    }

    /// The images of the groups `a`, `b`, `c` with these properties.
    fn of(groups: &[Value]) -> Running {
        let named = ["a", "b", "c"].iter().zip(groups);
        let groups =
            named.map(|(name, properties)| json!({ "name": name, "properties": properties }));
        let groups: Vec<Group> = serde_json::from_value(groups.collect()).expect("groups");
        running(&groups)
    }

    fn groups_of(running: &Running, host: &str, repository: &str) -> Vec<String> {
        running.of(host, repository).iter().map(|one| one.group.clone()).collect()
    }

    #[test]
    fn images_are_found_under_every_spelling_of_their_name() {
        let running = of(&[
            json!({ "containers": [container("Demo.azurecr.io/web:v1"), container("nginx")] }),
            json!({ "containers": [container("demo.azurecr.io/web:v1")] }),
            json!({ "containers": [container(""), container("index.docker.io/library/nginx")] }),
        ]);

        assert_eq!(groups_of(&running, "demo.azurecr.io", "web"), ["a", "b"]);
        assert!(groups_of(&running, "demo.azurecr.io", "nginx").is_empty());
        assert_eq!(groups_of(&running, "docker.io", "library/nginx"), ["a", "c"]);
        assert_eq!(groups_of(&running, "registry-1.docker.io", "library/nginx"), ["a", "c"]);
    }

    #[test]
    fn init_containers_run_images_too() {
        let running = of(&[json!({
            "initContainers": [
                container("demo.azurecr.io/migrate:v1"),
                { "name": "none", "properties": { "image": null } },
            ],
            "containers": [container("demo.azurecr.io/web:v1")],
        })]);

        assert_eq!(groups_of(&running, "demo.azurecr.io", "migrate"), ["a"]);
        assert_eq!(groups_of(&running, "demo.azurecr.io", "web"), ["a"]);
    }

    #[test]
    fn an_image_name_that_cannot_be_parsed_makes_the_rest_unknown() {
        let running = of(&[
            json!({ "containers": [container("demo.azurecr.io/web:v1")] }),
            json!({ "containers": [container("demo.azurecr.io/Web:v1")] }),
        ]);

        assert_eq!(
            running.unknown(),
            Some(
                "the group `b` runs `demo.azurecr.io/Web:v1`: `Web` is not a repository: \
                 lower-case letters, digits and single `.`, `_`, `-` between them, parts joined by `/`"
            )
        );
        assert_eq!(
            running.remedy(),
            Some(
                "deploy the group again with an image by its full name, or delete it; \
                 `--registry-only` keeps what is known to run, and that alone"
            )
        );
        assert_eq!(groups_of(&running, "demo.azurecr.io", "web"), ["a"]);
    }
}
