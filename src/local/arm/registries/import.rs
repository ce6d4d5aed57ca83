//! `importImage`: copies an image from another registry of this cloud, or from one outside
//! that the cloud may fetch from.

use super::super::handle::Arm;
use super::super::image_hint::image_hint;
use super::super::response::{ArmError, ArmResponse};
use super::records::by_id;
use crate::local::initial_state::AzureRegistry;
use crate::local::registry::{ImportError, ImportTarget, PulledImage, TaggedRepository, import};
use crate::oci::Reference;
use http::StatusCode;
use serde_json::Value;

pub async fn import_image(
    arm: &Arm,
    body: &Value,
    registry: &AzureRegistry,
) -> Result<ArmResponse, ArmError> {
    let source = source(arm, &body["source"])?;
    let names = |member: &str| -> Vec<&str> {
        body[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let tags = names("targetTags").into_iter().map(|name| tagged(name, &registry.host));
    let untagged = names("untaggedTargetRepositories");
    let target = ImportTarget {
        host: &registry.host,
        tags: tags.collect::<Result<_, _>>()?,
        untagged: untagged.into_iter().map(str::to_owned).collect(),
        force: body["mode"] == "Force",
    };
    if target.tags.is_empty() && target.untagged.is_empty() {
        return Err(invalid("There is no target tag and no target repository."));
    }
    match import(&arm.registries, &source, &target).await {
        Ok(()) => Ok(ArmResponse::empty(StatusCode::OK)),
        Err(error @ ImportError::Exists(_)) => {
            Err(ArmError::conflict("Conflict", error.to_string()))
        }
        Err(ImportError::File(error)) => Err(ArmError::broken(&error)),
        Err(error @ ImportError::Locked(_)) => {
            let message = format!("The operation is disallowed: {error}.");
            Err(ArmError::conflict("REGISTRY_DISALLOWED_OPERATION", message))
        }
        Err(error) => {
            let hint = image_hint(arm, &source.to_string());
            Err(invalid(&format!("The source image cannot be imported: {error}.{hint}")))
        }
    }
}

fn invalid(message: &str) -> ArmError {
    ArmError::bad("InvalidParameters", message)
}

/// The image that is copied: its registry by resource id or by address.
fn source(arm: &Arm, source: &Value) -> Result<Reference, ArmError> {
    let image = source["sourceImage"].as_str().unwrap_or_default();
    let host = match (source["resourceId"].as_str(), source["registryUri"].as_str()) {
        (Some(id), _) => {
            let host = by_id(arm, id).map(|registry| registry.host);
            host.ok_or_else(|| invalid(&format!("The source registry '{id}' was not found.")))?
        }
        (None, Some(address)) => address.trim_start_matches("https://").to_owned(),
        (None, None) => return Err(invalid("The source registry is missing.")),
    };
    let credentials = &source["credentials"];
    let name = format!("{host}/{image}");
    let reference: Reference =
        name.parse().map_err(|_| invalid(&format!("The source image '{name}' is invalid.")))?;
    let accounts = &arm.registries.accounts;
    let text = |member: &str| credentials[member].as_str().unwrap_or_default();
    let by_login = source["resourceId"].is_null() && accounts.exists(&reference.host);
    let image = PulledImage { host: &reference.host, repository: &reference.repository };
    if by_login && !accounts.may_pull(&image, text("username"), text("password")) {
        let message = format!("The registry '{host}' refuses the credentials of the source.");
        return Err(invalid(&message));
    }
    Ok(reference)
}

/// `repository:tag`; `latest` where no tag is given.
fn tagged(name: &str, host: &str) -> Result<TaggedRepository, ArmError> {
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) => (repository, tag),
        None => (name, "latest"),
    };
    let is_good = format!("{host}/{repository}:{tag}").parse::<Reference>().is_ok();
    if !is_good {
        return Err(invalid(&format!("The target tag '{name}' is invalid.")));
    }
    Ok(TaggedRepository { repository: repository.to_owned(), tag: tag.to_owned() })
}
