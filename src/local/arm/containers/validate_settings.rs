//! Checks what a container group has beside its containers' names, sizes and ports:
//! volumes, limits, probes, priority. What is not simulated is refused.
//!
//! The codes for spot groups are those of "Error codes for Spot container creation";
//! `InvalidVolume`, `InvalidVolumeMount`, `InvalidResourceLimit`, `InvalidProbe` and
//! `NotSimulated` are invented.

use super::super::response::ArmError;
use super::json::array;
use serde_json::Value;
use std::collections::HashSet;

/// "Resource availability & quota limits for ACI".
const MAX_VOLUMES: usize = 20;

/// The kinds of a volume.
const KINDS: [&str; 4] = ["azureFile", "emptyDir", "secret", "gitRepo"];

pub fn check(properties: &Value, group: &str) -> Result<(), ArmError> {
    volumes(properties, group)?;
    for container in array(&properties["containers"]) {
        let name = container["name"].as_str().unwrap_or_default();
        let container = &container["properties"];
        limits(container, name, group)?;
        for kind in ["livenessProbe", "readinessProbe"] {
            probe(&container[kind], kind, name, group)?;
        }
    }
    priority(properties, group)
}

fn volumes(properties: &Value, group: &str) -> Result<(), ArmError> {
    let volumes = array(&properties["volumes"]);
    if volumes.len() > MAX_VOLUMES {
        let message =
            format!("The container group '{group}' cannot have more than {MAX_VOLUMES} volumes.");
        return Err(ArmError::bad("InvalidVolume", message));
    }
    let mut names = HashSet::new();
    for volume in volumes {
        let name = volume["name"].as_str().unwrap_or_default();
        let kinds = KINDS.iter().filter(|kind| !volume[**kind].is_null()).count();
        if kinds != 1 || !names.insert(name) {
            let message = format!(
                "The volume '{name}' in container group '{group}' is invalid: it needs a name of \
                 its own and exactly one of '{}'.",
                KINDS.join("', '")
            );
            return Err(ArmError::bad("InvalidVolume", message));
        }
        if !volume["gitRepo"].is_null() {
            return Err(not_simulated(&format!(
                "clones of git repositories, such as the volume '{name}' of container group \
                 '{group}'"
            )));
        }
    }
    let all = array(&properties["containers"]).iter().chain(array(&properties["initContainers"]));
    for mount in all.flat_map(|container| array(&container["properties"]["volumeMounts"])) {
        let name = mount["name"].as_str().unwrap_or_default();
        let path = mount["mountPath"].as_str().unwrap_or_default();
        if !names.contains(name) {
            let message = format!(
                "The volume mount '{name}' in container group '{group}' names no volume of the group."
            );
            return Err(ArmError::bad("InvalidVolumeMount", message));
        }
        if !path.starts_with('/') || path.contains(':') {
            let message = format!(
                "The mount path '{path}' of volume '{name}' in container group '{group}' is invalid."
            );
            return Err(ArmError::bad("InvalidVolumeMount", message));
        }
    }
    Ok(())
}

fn limits(container: &Value, name: &str, group: &str) -> Result<(), ArmError> {
    let (requests, limits) =
        (&container["resources"]["requests"], &container["resources"]["limits"]);
    for resource in ["cpu", "memoryInGB"] {
        let (asked, most) = (requests[resource].as_f64(), limits[resource].as_f64());
        if asked.zip(most).is_some_and(|(asked, most)| most < asked) {
            let message = format!(
                "The resource limit '{resource}' of container '{name}' in container group \
                 '{group}' is less than what it requests."
            );
            return Err(ArmError::bad("InvalidResourceLimit", message));
        }
    }
    if !requests["gpu"].is_null() {
        return Err(not_simulated(&format!(
            "graphics processors, which container '{name}' of container group '{group}' requests"
        )));
    }
    Ok(())
}

fn probe(probe: &Value, kind: &str, name: &str, group: &str) -> Result<(), ArmError> {
    if probe.is_null() {
        return Ok(());
    }
    let http = &probe["httpGet"];
    let has_command = !array(&probe["exec"]["command"]).is_empty();
    if http.is_object() == has_command || (http.is_object() && http["port"].as_u64().is_none()) {
        let message = format!(
            "The '{kind}' of container '{name}' in container group '{group}' is invalid: it needs \
             either 'httpGet' with a 'port', or 'exec' with a 'command'."
        );
        return Err(ArmError::bad("InvalidProbe", message));
    }
    let scheme = http["scheme"].as_str().unwrap_or("http");
    if scheme.eq_ignore_ascii_case("https") {
        return Err(not_simulated(&format!(
            "probes by https, such as the '{kind}' of container '{name}' in container group \
             '{group}'"
        )));
    }
    Ok(())
}

fn priority(properties: &Value, group: &str) -> Result<(), ArmError> {
    match properties["priority"].as_str() {
        None | Some("Regular") => return Ok(()),
        Some("Spot") => {}
        Some(_) => {
            let message = format!(
                "The 'Priority' must be one of 'Regular,Spot' for container group '{group}'."
            );
            return Err(ArmError::bad("PriorityNotSpecified", message));
        }
    }
    if !properties["ipAddress"].is_null() || !array(&properties["subnetIds"]).is_empty() {
        let message =
            "Spot Priority is not supported for container groups with inbound connectivity.";
        return Err(ArmError::bad(
            "SpotPriorityContainerGroupNotSupportedForInboundConnectivity",
            message,
        ));
    }
    match properties["sku"].as_str() {
        None | Some("Standard") => Ok(()),
        Some(sku) => {
            let message = format!("Spot Priority Container Group is not supported in '{sku}' Sku.");
            Err(ArmError::bad("SpotPriorityContainerGroupNotSupportedInSku", message))
        }
    }
}

fn not_simulated(what: &str) -> ArmError {
    let message = format!("The local cloud does not simulate {what}.");
    ArmError::bad("NotSimulated", message)
}
