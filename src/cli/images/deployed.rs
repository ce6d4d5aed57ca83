//! Asks Azure which images run in the plan's subscription, in resources of every kind.

use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::cli::session::listing::{ListedResources, Listing};
use crate::oci::{Reference, registry_host};
use crate::run::outcome::StepError;
use crate::run::perform::{Clients, DeployedResource, KindWords};

/// The images of what is deployed in a subscription, of what is stopped too.
#[derive(Clone, Debug)]
pub enum DeployedImages {
    /// The images of all resources.
    Known(Vec<ImageUse>),
    /// The images of some resources: others could not be listed, or run an image whose
    /// name cannot be parsed and which may be any image.
    Partial { uses: Vec<ImageUse>, gap: Gap },
    /// Azure could not be asked, for this reason.
    Unknown(String),
}

/// What of the deployed images is not known.
#[derive(Clone, Debug)]
pub enum Gap {
    /// Only what is in the plan's resource groups could be listed, for this reason.
    OtherResourceGroups(String),
    /// A resource of this kind runs an image whose name cannot be parsed, for this reason.
    ImageName(&'static KindWords, String),
}

/// An image that a resource runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageUse {
    /// The name of the resource.
    pub resource: String,
    pub image: Reference,
}

impl DeployedImages {
    /// Why not all images are known, or `None` if they are.
    pub fn incomplete_because(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why)
            | Self::Partial {
                gap: Gap::OtherResourceGroups(why) | Gap::ImageName(_, why), ..
            } => Some(why),
        }
    }

    /// What to do about that before images are removed.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Known(_) => return None,
            Self::Unknown(_) => {
                "sign in with `az login`, or add `--registry-only` to remove tags without asking \
                 Azure"
                    .to_owned()
            }
            Self::Partial { gap: Gap::OtherResourceGroups(_), .. } => {
                "sign in as one who may read the subscription (role Reader), or add \
                 `--registry-only`, which keeps only the images that are known to be deployed"
                    .to_owned()
            }
            Self::Partial { gap: Gap::ImageName(kind, _), .. } => format!(
                "deploy the {} again with a full image name, or delete it; `--registry-only` \
                 keeps only the images that are known to be deployed",
                kind.short
            ),
        })
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
    /// Lists what is deployed in the subscription, or only in the plan's resource groups
    /// if the credential may not list all.
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
            Ok(ListedResources { resources, others }) => {
                deployed_images(&resources, others.map(text))
            }
            Err(error) => DeployedImages::Unknown(text(error)),
        }
    }

    async fn list(&self) -> Result<ListedResources, StepError> {
        let PlanSession { plan, scope, .. } = self.session;
        let azure = &self.clients.azure;
        let subscription = azure.subscription.id(plan, scope).await?;
        Listing { session: self.session, resources: &azure.deployed }.listed(&subscription).await
    }
}

/// The usual name of a registry: Docker Hub has several.
fn registry(host: &str) -> String {
    registry_host(host.strip_suffix(":443").unwrap_or(host))
}

/// Every image of every resource, each once. `others` says why other resources are not
/// known.
fn deployed_images(resources: &[DeployedResource], others: Option<String>) -> DeployedImages {
    let mut uses = Vec::new();
    let mut gap = others.map(Gap::OtherResourceGroups);
    for DeployedResource { id, kind, images, .. } in resources {
        for image in images {
            match image.parse() {
                Ok(image) => {
                    let one = ImageUse { resource: id.name.clone(), image };
                    if !uses.contains(&one) {
                        uses.push(one);
                    }
                }
                Err(error) => {
                    // One is enough: nothing is removed either way.
                    gap.get_or_insert_with(|| {
                        let why =
                            format!("the {} `{}` runs `{image}`: {error}", kind.short, id.name);
                        Gap::ImageName(kind, why)
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
    use crate::run::perform::deployed_testing::job_file;

    /// What the files `a`, `b`, `c` run if these are their images.
    fn images_of(images: &[&[&str]]) -> DeployedImages {
        let named = ["a", "b", "c"].iter().zip(images);
        let files: Vec<_> = named.map(|(name, images)| job_file(name, None, images)).collect();
        deployed_images(&files, None)
    }

    fn users_of(running: &DeployedImages, host: &str, repository: &str) -> Vec<String> {
        running.used_from(host, repository).iter().map(|one| one.resource.clone()).collect()
    }

    #[test]
    fn images_are_found_under_every_spelling_of_their_name() {
        let running = images_of(&[
            &["Demo.azurecr.io/web:v1", "nginx"],
            &["demo.azurecr.io/web:v1"],
            &["index.docker.io/library/nginx"],
        ]);

        assert_eq!(users_of(&running, "demo.azurecr.io", "web"), ["a", "b"]);
        assert!(users_of(&running, "demo.azurecr.io", "nginx").is_empty());
        assert_eq!(users_of(&running, "docker.io", "library/nginx"), ["a", "c"]);
        assert_eq!(users_of(&running, "registry-1.docker.io", "library/nginx"), ["a", "c"]);
    }

    #[test]
    fn an_image_name_that_cannot_be_parsed_makes_the_result_partial() {
        let running = images_of(&[&["demo.azurecr.io/web:v1"], &["demo.azurecr.io/Web:v1"]]);

        assert_eq!(
            running.incomplete_because(),
            Some(
                "the file `b` runs `demo.azurecr.io/Web:v1`: `Web` is not a repository: \
                 lower-case letters, digits and single `.`, `_`, `-` between them, parts joined by `/`"
            )
        );
        assert_eq!(
            running.remedy().as_deref(),
            Some(
                "deploy the file again with a full image name, or delete it; \
                 `--registry-only` keeps only the images that are known to be deployed"
            )
        );
        assert_eq!(users_of(&running, "demo.azurecr.io", "web"), ["a"]);
    }

    #[test]
    fn resources_that_could_not_be_listed_make_the_result_partial() {
        let files = [job_file("a", None, &["demo.azurecr.io/web:v1"])];
        let why = "cannot list the job files: 403 AuthorizationFailed".to_owned();

        let images = deployed_images(&files, Some(why.clone()));

        assert_eq!(images.incomplete_because(), Some(why.as_str()));
        assert_eq!(
            images.remedy().as_deref(),
            Some(
                "sign in as one who may read the subscription (role Reader), or add \
                 `--registry-only`, which keeps only the images that are known to be deployed"
            )
        );
        assert_eq!(users_of(&images, "demo.azurecr.io", "web"), ["a"]);
    }
}
