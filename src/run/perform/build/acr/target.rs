//! Where a build of ACR Tasks takes place.

use crate::azure::registries::AzureRegistry;
use crate::oci::{Digest, Platform, Reference};
use crate::plan::expr::Scope;
use crate::plan::schema::Action;
use crate::registry::{is_azure_registry, registry_name};
use crate::run::outcome::StepError;
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::names::name;
use crate::run::perform::performer::{Job, Performer};

/// The repository that the image is built in: that of the first Azure registry among the
/// names that later `tag` steps give this image.
pub fn repository(
    performer: &Performer,
    service: usize,
    place: usize,
    scope: &Scope,
) -> Result<Reference, StepError> {
    for (_, step) in performer.plan.later_steps(service, place) {
        match &step.action {
            Action::Build(_) => break,
            Action::Tag(tag) => {
                for target in &tag.targets {
                    let text = name(&target.image, "image's name", scope)?;
                    let reference: Reference = text.parse()?;
                    if is_azure_registry(&reference.host) {
                        return Ok(reference.without_tag());
                    }
                }
            }
            Action::Push(_) | Action::Deploy(_) | Action::Verify(_) | Action::Run(_) => {}
        }
    }
    Err(StepError::new("`using: acr` builds in an Azure registry, and no `tag` names one")
        .help("tag the image for one, such as `NAME.azurecr.io/web:v1`"))
}

/// The registry as Resource Manager knows it.
pub async fn registry(
    performer: &Performer,
    host: &str,
    scope: &Scope,
) -> Result<AzureRegistry, StepError> {
    let subscription = AzureSettings { performer, scope }.subscription().await?;
    let registries = &performer.services.clients.azure_registries;
    registries.find(&subscription, host).await?.ok_or_else(|| {
        StepError::new(format!("`{host}` is not a registry of subscription {subscription}")).help(
            format!(
                "`using: acr` builds in the registry; `az acr show --name {}` shows where it is",
                registry_name(host)
            ),
        )
    })
}

/// A tag that no other build has: a run that another process began must not be taken for
/// this one.
pub fn build_tag(
    performer: &Performer,
    repository: &Reference,
    platform: &Platform,
    job: &Job,
) -> Reference {
    let of = Digest::of(format!("{} {platform}", job.id).as_bytes());
    let tag = format!("shipway-{}-{}", performer.facts.id, &of.hex()[..12]);
    repository.with_tag(&tag)
}
