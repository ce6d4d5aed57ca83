//! What the deploy that is put back takes from other services: a rollback runs none of their
//! steps, and they stay as they are.

use crate::cli::targets::Targets;
use crate::event::{OutputName, Outputs};
use crate::oci::Reference;
use crate::run::outcome::StepError;
use crate::run::perform::DeployedResource;
use std::collections::BTreeMap;
use url::{Host, Url};

/// The outputs of the services that this one needs, as they are deployed now. One that is
/// not deployed, or more than once, has none.
pub async fn outputs_of_needs(
    targets: &Targets<'_>,
    service: &str,
) -> Result<BTreeMap<String, Outputs>, StepError> {
    let mut found = BTreeMap::new();
    let Some(service) = targets.session.plan.services.get(service) else { return Ok(found) };
    if service.needs.is_empty() {
        return Ok(found);
    }
    let deployed = targets.of_environment().await?;
    for need in &service.needs {
        let mut own = deployed.iter().filter(|target| target.tags.service == need.value);
        if let (Some(target), None) = (own.next(), own.next())
            && let Some(resource) = targets.read(target).await?
        {
            found.insert(need.value.clone(), outputs_of(&resource));
        }
    }
    Ok(found)
}

/// What the push and the deploy of a service have put out.
fn outputs_of(resource: &DeployedResource) -> Outputs {
    let mut outputs = Outputs::new();
    outputs.set(OutputName::ResourceId, resource.id.to_string());
    if let Some(url) = resource.urls.first() {
        outputs.set(OutputName::Url, url.clone());
        outputs.set(OutputName::Urls, serde_json::Value::from(resource.urls.clone()).to_string());
        match Url::parse(url).ok().as_ref().and_then(Url::host) {
            Some(Host::Domain(name)) => outputs.set(OutputName::Fqdn, name.to_owned()),
            Some(address) => outputs.set(OutputName::Ip, address.to_string()),
            None => {}
        }
    }
    if let Some(revision) = &resource.revision {
        let image = Reference { tag: None, ..revision.image.clone() };
        outputs.set(OutputName::Image, image.to_string());
        outputs.set(OutputName::Digest, revision.digest().to_owned());
    }
    outputs
}
