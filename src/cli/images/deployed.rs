//! Asks Azure which images the container groups of the plan's subscription run.

use crate::azure::container_instances::Group;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::cli::session::container_groups::{ContainerGroups, ListedGroups};
use crate::oci::{Reference, registry_host};
use crate::run::outcome::StepError;
use crate::run::perform::Clients;

/// The images of the container groups of a subscription, of stopped groups too.
#[derive(Clone, Debug)]
pub enum DeployedImages {
    /// The images of all groups.
    Known(Vec<ImageUse>),
    /// The images of some groups: others could not be listed, or run an image whose
    /// name cannot be parsed and which may be any image.
    Partial { uses: Vec<ImageUse>, gap: Gap },
    /// Azure could not be asked, for this reason.
    Unknown(String),
}

/// What of the deployed images is not known.
#[derive(Clone, Debug)]
pub enum Gap {
    /// Only the groups of the plan's resource groups could be listed, for this reason.
    OtherResourceGroups(String),
    /// A group runs an image whose name cannot be parsed, for this reason.
    ImageName(String),
}

/// An image that a container group runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageUse {
    /// The name of the group.
    pub group: String,
    pub image: Reference,
}

impl DeployedImages {
    /// Why not all images are known, or `None` if they are.
    pub fn incomplete_because(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why)
            | Self::Partial { gap: Gap::OtherResourceGroups(why) | Gap::ImageName(why), .. } => {
                Some(why)
            }
        }
    }

    /// What to do about that before images are removed.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(_) => Some(
                "sign in with `az login`, or add `--registry-only` to remove tags without asking Azure",
            ),
            Self::Partial { gap: Gap::OtherResourceGroups(_), .. } => Some(
                "sign in as one who may read the subscription (role Reader), or add `--registry-only`, which keeps only the images that are known to be deployed",
            ),
            Self::Partial { gap: Gap::ImageName(_), .. } => Some(
                "deploy the group again with a full image name, or delete it; `--registry-only` keeps only the images that are known to be deployed",
            ),
        }
    }

    /// The deployed images of a repository.
    pub fn used_from<'a>(&'a self, host: &'a str, repository: &'a str) -> Vec<&'a ImageUse> {
        let (Self::Known(uses) | Self::Partial { uses, .. }) = self else { return Vec::new() };
        let host = registry(host);
        let matches = |one: &&ImageUse| {
            registry(&one.image.host) == host && one.image.repository == repository
        };
        uses.iter().filter(matches).collect()
    }
}

/// What is needed to ask Azure for the deployed images.
pub struct DeployedQuery<'a> {
    pub session: &'a PlanSession,
    pub connections: &'a Connections,
    pub clients: &'a Clients,
}

impl DeployedQuery<'_> {
    /// Lists the groups of the subscription, or only those of the plan's resource
    /// groups if the credential may not list all.
    pub async fn find(&self) -> DeployedImages {
        if self.session.plan.azure.is_none() && self.connections.subscription.is_none() {
            let why = if self.session.file.is_none() {
                "there is no plan, and `AZURE_SUBSCRIPTION_ID` is not set"
            } else {
                "the plan has no `azure`, and `AZURE_SUBSCRIPTION_ID` is not set"
            };
            return DeployedImages::Unknown(why.to_owned());
        }
        // The error belongs to no step, so it has no place in the plan.
        let text = |error: StepError| error.shown(&self.session.redactor, None).chain.join(": ");
        match self.list().await {
            Ok(ListedGroups { groups, others }) => deployed_images(&groups, others.map(text)),
            Err(error) => DeployedImages::Unknown(text(error)),
        }
    }

    async fn list(&self) -> Result<ListedGroups, StepError> {
        let PlanSession { plan, scope, .. } = self.session;
        let subscription = self.clients.subscription.id(plan, scope).await?;
        let instances = &self.clients.container_instances;
        ContainerGroups { session: self.session, instances }.listed(&subscription).await
    }
}

/// The usual name of a registry: Docker Hub has several.
fn registry(host: &str) -> String {
    registry_host(host.strip_suffix(":443").unwrap_or(host))
}

/// Every image of every group, each once. `others` says why other groups are not known.
fn deployed_images(groups: &[Group], others: Option<String>) -> DeployedImages {
    let mut uses = Vec::new();
    let mut gap = others.map(Gap::OtherResourceGroups);
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
                    // One is enough: nothing is removed either way.
                    gap.get_or_insert_with(|| {
                        Gap::ImageName(format!(
                            "the group `{}` runs `{image}`: {error}",
                            group.name
                        ))
                    });
                }
            }
        }
    }
    match gap {
        None => DeployedImages::Known(uses),
        Some(gap) => DeployedImages::Partial { uses, gap },
    }
}

#[cfg(test)]
mod tests {
    use super::{DeployedImages, deployed_images};
    use crate::azure::container_instances::Group;
    use serde_json::{Value, json};

    fn container(image: &str) -> Value {
        json!({ "name": "c", "properties": { "image": image } })
    }

    /// The images of the groups `a`, `b`, `c` with these properties.
    fn images_of(groups: &[Value]) -> DeployedImages {
        let named = ["a", "b", "c"].iter().zip(groups);
        let groups =
            named.map(|(name, properties)| json!({ "name": name, "properties": properties }));
        let groups: Vec<Group> = serde_json::from_value(groups.collect()).expect("groups");
        deployed_images(&groups, None)
    }

    fn groups_of(running: &DeployedImages, host: &str, repository: &str) -> Vec<String> {
        running.used_from(host, repository).iter().map(|one| one.group.clone()).collect()
    }

    #[test]
    fn images_are_found_under_every_spelling_of_their_name() {
        let running = images_of(&[
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
        let running = images_of(&[json!({
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
    fn an_image_name_that_cannot_be_parsed_makes_the_result_partial() {
        let running = images_of(&[
            json!({ "containers": [container("demo.azurecr.io/web:v1")] }),
            json!({ "containers": [container("demo.azurecr.io/Web:v1")] }),
        ]);

        assert_eq!(
            running.incomplete_because(),
            Some(
                "the group `b` runs `demo.azurecr.io/Web:v1`: `Web` is not a repository: \
                 lower-case letters, digits and single `.`, `_`, `-` between them, parts joined by `/`"
            )
        );
        assert_eq!(
            running.remedy(),
            Some(
                "deploy the group again with a full image name, or delete it; \
                 `--registry-only` keeps only the images that are known to be deployed"
            )
        );
        assert_eq!(groups_of(&running, "demo.azurecr.io", "web"), ["a"]);
    }

    #[test]
    fn groups_that_could_not_be_listed_make_the_result_partial() {
        let groups = json!([{ "name": "a", "properties": {
            "containers": [container("demo.azurecr.io/web:v1")],
        } }]);
        let groups: Vec<Group> = serde_json::from_value(groups).expect("groups");
        let why = "cannot list the container groups: 403 AuthorizationFailed".to_owned();

        let images = deployed_images(&groups, Some(why.clone()));

        assert_eq!(images.incomplete_because(), Some(why.as_str()));
        assert_eq!(
            images.remedy(),
            Some(
                "sign in as one who may read the subscription (role Reader), or add \
                 `--registry-only`, which keeps only the images that are known to be deployed"
            )
        );
        assert_eq!(groups_of(&images, "demo.azurecr.io", "web"), ["a"]);
    }
}
