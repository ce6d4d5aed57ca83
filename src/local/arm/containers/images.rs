//! Finds the images of a container group in the local registries. Like the
//! service, this happens on PUT, before anything is changed.

use super::super::handle::Arm;
use super::super::image_hint::image_hint;
use super::super::registries;
use super::super::response::ArmError;
use super::json::array;
use super::secrets::{self, FieldNames};
use crate::local::registry::{PulledImage, StoredManifest, UpstreamError};
use crate::local::runtime::Image;
use crate::oci::{Descriptor, Digest, Manifest, Reference};
use serde_json::Value;
use std::sync::Arc;

/// The image of a container. `None` if its name is invalid, it is not stored
/// completely for this machine's architecture, or the group's credentials do not
/// permit the pull.
pub fn find(arm: &Arm, body: &Value, container: &Value) -> Result<Option<Image>, ArmError> {
    let text = container["properties"]["image"].as_str().unwrap_or_default();
    let Ok(reference) = text.parse::<Reference>() else { return Ok(None) };
    let accounts = &arm.registries.accounts;
    // A registry without accounts is one outside: its images were fetched anonymously.
    if accounts.exists(&reference.host) && !may_pull(arm, body, &reference)? {
        return Ok(None);
    }
    Ok(read_stored(arm, text, &reference))
}

/// Fails with all images that are not accessible, in the words of the service.
pub fn check(arm: &Arm, body: &Value, group: &str) -> Result<(), ArmError> {
    let properties = &body["properties"];
    let mut missing = Vec::new();
    for container in
        array(&properties["initContainers"]).iter().chain(array(&properties["containers"]))
    {
        if find(arm, body, container)?.is_none() {
            let image = container["properties"]["image"].as_str().unwrap_or_default();
            missing.push(format!(
                "The image '{image}' in container group '{group}' is not accessible. Please check \
                 the image and registry credential.{}",
                image_hint(arm, image)
            ));
        }
    }
    match missing.as_slice() {
        [] => Ok(()),
        [one] => Err(ArmError::bad("InaccessibleImage", one)),
        many => {
            let parts: Vec<String> = many
                .iter()
                .map(|one| format!("'BadRequest':'InaccessibleImage':'{one}'"))
                .collect();
            // The grammar is the service's.
            let message = format!("Multiple error occurred: {}", parts.join(";"));
            Err(ArmError::bad("MultipleErrorsOccurred", message))
        }
    }
}

/// Fetches the images of a group that are not stored here, from the registries that
/// the initial state allows. [`check`] reports what is missing afterwards.
pub async fn fetch_all(arm: &Arm, body: &Value) -> Result<(), ArmError> {
    let properties = &body["properties"];
    for container in
        array(&properties["initContainers"]).iter().chain(array(&properties["containers"]))
    {
        let text = container["properties"]["image"].as_str().unwrap_or_default();
        let Ok(reference) = text.parse::<Reference>() else { continue };
        if let Err(error) = fetch(arm, &reference).await {
            let message = format!("The image '{text}' is not accessible: {}", error.words());
            return Err(ArmError::bad("InaccessibleImage", message));
        }
    }
    Ok(())
}

async fn fetch(arm: &Arm, reference: &Reference) -> Result<(), Arc<UpstreamError>> {
    let upstream = &arm.registries.upstream;
    let Reference { host, repository, .. } = reference;
    let mut name = reference.manifest_name().to_owned();
    // An index, then its manifest for this machine. A manifest has no entries and ends
    // the loop.
    for _ in 0..2 {
        upstream.manifest(host, repository, &name).await?;
        let Some(stored) = arm.registries.storage.manifest(host, repository, &name) else { break };
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&stored.bytes) else { break };
        for blob in manifest.config.iter().chain(manifest.layers()) {
            upstream.whole(host, repository, &blob.digest).await?;
        }
        let Some(digest) = manifest_for_this_machine(manifest.entries()) else { break };
        name = digest.to_string();
    }
    Ok(())
}

fn may_pull(arm: &Arm, body: &Value, reference: &Reference) -> Result<bool, ArmError> {
    let Reference { host, repository, .. } = reference;
    let image = PulledImage { host, repository };
    let accounts = &arm.registries.accounts;
    let all = array(&body["properties"]["imageRegistryCredentials"]);
    let meant = |entry: &&Value| {
        let server = entry["server"].as_str().unwrap_or_default();
        server.trim_end_matches('/').eq_ignore_ascii_case(host)
    };
    let Some(entry) = all.iter().find(meant) else { return Ok(accounts.may_pull(&image, "", "")) };
    if let Some(identity) = entry["identity"].as_str() {
        // `validate` checked that the identity is assigned.
        let scope = registries::scope_of(arm, host);
        return Ok(scope.is_none_or(|scope| arm.access.may_pull(identity, &scope)));
    }
    let username = entry["username"].as_str().unwrap_or_default();
    let names = FieldNames { inline: &["password"], reference: "passwordReference" };
    let password = secrets::value(arm, body, entry, names)?;
    Ok(accounts.may_pull(&image, username, &password))
}

fn read_stored(arm: &Arm, text: &str, reference: &Reference) -> Option<Image> {
    let storage = &arm.registries.storage;
    let named = |name: &str| storage.manifest(&reference.host, &reference.repository, name);
    let mut stored: StoredManifest = named(reference.manifest_name())?;
    let mut manifest: Manifest = serde_json::from_slice(&stored.bytes).ok()?;
    if !manifest.entries().is_empty() {
        let digest = manifest_for_this_machine(manifest.entries())?;
        stored = named(digest.as_str())?;
        manifest = serde_json::from_slice(&stored.bytes).ok()?;
    }
    let blob = |descriptor: &Descriptor| {
        let path = storage.content(&descriptor.digest);
        path.exists().then_some(path)
    };
    Some(Image {
        reference: text.to_owned(),
        digest: stored.digest,
        config: blob(manifest.config.as_ref()?)?,
        layers: manifest.layers().iter().map(blob).collect::<Option<_>>()?,
    })
}

/// The entry of an index that runs on this machine, which need not be the one that
/// runs in Azure.
fn manifest_for_this_machine(manifests: &[Descriptor]) -> Option<&Digest> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let fits = |descriptor: &&Descriptor| {
        let platform = descriptor.platform.as_ref();
        platform
            .is_some_and(|platform| platform.os == "linux" && platform.architecture == architecture)
    };
    manifests.iter().find(fits).map(|descriptor| &descriptor.digest)
}
