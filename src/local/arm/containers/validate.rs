//! Checks the body of a container group as the service does.
//!
//! Codes and messages are those of recordings, support articles and reported
//! errors. `DuplicateContainerName`, `PortNotExposed`, `TooManyPorts`, `InvalidDnsNameLabel`,
//! `InvalidResourceRequest`, `InvalidMemoryRequirement` and `OsTypeNotSupported` are invented:
//! the service is known to refuse such bodies, but not with which code.

use super::super::resource_groups;
use super::super::response::ArmError;
use super::super::tags;
use super::json::array;
use super::validate_settings;
use serde_json::Value;
use std::collections::HashSet;

/// "Resource availability & quota limits for ACI".
const MAX_PUBLIC_PORTS: usize = 5;

/// Of a decimal fraction such as 0.3 that was multiplied by ten.
const MAX_ROUNDING_ERROR: f64 = 1e-6;

/// Checks everything that needs only the body.
pub fn body(body: &Value, group: &str) -> Result<(), ArmError> {
    let location = resource_groups::given_location(body)?;
    resource_groups::location(location, "Microsoft.ContainerInstance/containerGroups")?;
    required(body, "properties", "")?;
    let properties = &body["properties"];
    required(properties, "containers", "properties")?;
    system(properties, group)?;
    if array(&properties["containers"]).is_empty() {
        let message = format!("The container group '{group}' must have at least one container.");
        return Err(ArmError::bad("MissingContainers", message));
    }
    containers(properties, group)?;
    tags::of(body)?;
    policy(properties)?;
    address(properties, group)?;
    validate_settings::check(properties, group)?;
    credentials(body, group)
}

fn required(value: &Value, name: &str, path: &str) -> Result<(), ArmError> {
    if !value[name].is_null() {
        return Ok(());
    }
    Err(ArmError::bad(
        "InvalidRequestContent",
        format!(
            "The request content was invalid and could not be deserialized: 'Required property \
             '{name}' not found in JSON. Path '{path}''."
        ),
    ))
}

fn system(properties: &Value, group: &str) -> Result<(), ArmError> {
    match properties["osType"].as_str() {
        Some("Linux") => Ok(()),
        Some("Windows") => {
            let message = format!(
                "The container group '{group}' needs Windows, which the local cloud does not have."
            );
            Err(ArmError::bad("OsTypeNotSupported", message))
        }
        other => {
            let shown = other.unwrap_or("<null>");
            let message = format!(
                "The 'osType' for container group '{shown}' is invalid. The value must be one of \
                 'Windows,Linux'."
            );
            Err(ArmError::bad("InvalidOsType", message))
        }
    }
}

fn containers(properties: &Value, group: &str) -> Result<(), ArmError> {
    let mut names = HashSet::new();
    let (mut cpu, mut memory) = (0.0, 0.0);
    let all = array(&properties["containers"]);
    for (at, container) in all.iter().enumerate() {
        let path = format!("properties.containers[{at}]");
        named(container, &path, group, &mut names)?;
        let requests = &container["properties"]["resources"]["requests"];
        requested(requests, container["name"].as_str().unwrap_or_default(), group)?;
        cpu += requests["cpu"].as_f64().unwrap_or_default();
        memory += requests["memoryInGB"].as_f64().unwrap_or_default();
    }
    for (at, container) in array(&properties["initContainers"]).iter().enumerate() {
        named(container, &format!("properties.initContainers[{at}]"), group, &mut names)?;
    }
    if cpu > 4.0 || memory > 16.0 {
        let message = format!(
            "The requested resource is not available in the location at this moment. Please retry \
             with a different resource request or in another location. Resource requested: '{cpu}' \
             CPU '{memory}' GB memory 'Linux' OS"
        );
        return Err(ArmError::conflict("ServiceUnavailable", message));
    }
    Ok(())
}

/// Checks what a container asks for.
fn requested(requests: &Value, container: &str, group: &str) -> Result<(), ArmError> {
    if requests.is_null() {
        let message = format!(
            "The resource requests are not specified in container '{container}' of container group \
             '{group}'. It is required since API version '2017-07-01-preview'."
        );
        return Err(ArmError::bad("ResourceRequestsNotSpecified", message));
    }
    for (name, shown) in [("cpu", "Cpu"), ("memoryInGB", "MemoryInGB")] {
        if requests[name].is_null() {
            let message = format!(
                "The '{shown}' request is not specified in 'Microsoft.Azure.CloudConsole.Providers.\
                 Common.Entities.ComputeResources' in container '{container}' of contain group \
                 '{group}'. It is required since API version '2017-07-01-preview'."
            );
            return Err(ArmError::bad("ResourceSomeRequestsNotSpecified", message));
        }
        if requests[name].as_f64().is_none_or(|value| value <= 0.0) {
            let message = format!(
                "The resource request '{name}' of container '{container}' in container group \
                 '{group}' is invalid."
            );
            return Err(ArmError::bad("InvalidResourceRequest", message));
        }
    }
    let memory = requests["memoryInGB"].as_f64().unwrap_or_default();
    if ((memory * 10.0).round() - memory * 10.0).abs() > MAX_ROUNDING_ERROR {
        let message = format!(
            "The memory requirement is '{memory}' in container '{container}' of container group \
             '{group}'. The memory requirement should be in increments of 0.1 GB."
        );
        return Err(ArmError::bad("InvalidMemoryRequirement", message));
    }
    Ok(())
}

fn named<'a>(
    container: &'a Value,
    path: &str,
    group: &str,
    names: &mut HashSet<&'a str>,
) -> Result<(), ArmError> {
    required(container, "name", path)?;
    required(container, "properties", path)?;
    required(&container["properties"], "image", &format!("{path}.properties"))?;
    let name = container["name"].as_str().unwrap_or_default();
    if !is_container_name(name) {
        let message = format!(
            "The container name '{name}' in container group '{group}' is invalid. The container \
             name must contain no more than 63 characters and must match the regex \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?' (e.g. 'my-name')."
        );
        return Err(ArmError::bad("InvalidContainerName", message));
    }
    if !names.insert(name) {
        let message =
            format!("The container name '{name}' in container group '{group}' is used twice.");
        return Err(ArmError::bad("DuplicateContainerName", message));
    }
    Ok(())
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 characters.
fn is_container_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| good(byte) || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn policy(properties: &Value) -> Result<(), ArmError> {
    match &properties["restartPolicy"] {
        Value::Null => Ok(()),
        Value::String(policy) if ["Always", "OnFailure", "Never"].contains(&policy.as_str()) => {
            Ok(())
        }
        other => {
            let message = format!(
                "The request content was invalid and could not be deserialized: 'Error converting \
                 value {other} to type 'RestartPolicy'. Path 'properties.restartPolicy''."
            );
            Err(ArmError::bad("InvalidRequestContent", message))
        }
    }
}

/// Number and protocol of an entry of `ports`.
fn port(entry: &Value) -> (u64, String) {
    let protocol = entry["protocol"].as_str().unwrap_or("TCP").to_ascii_uppercase();
    (entry["port"].as_u64().unwrap_or_default(), protocol)
}

fn address(properties: &Value, group: &str) -> Result<(), ArmError> {
    let address = &properties["ipAddress"];
    if address.is_null() {
        return Ok(());
    }
    required(address, "type", "properties.ipAddress")?;
    let ports = array(&address["ports"]);
    if ports.is_empty() {
        let message =
            format!("The ports in the 'ipAddress' of container group '{group}' cannot be empty.");
        return Err(ArmError::bad("MissingIpAddressPorts", message));
    }
    if ports.len() > MAX_PUBLIC_PORTS {
        let message = format!(
            "The 'ipAddress' of container group '{group}' has {} ports. It cannot have more than \
             {MAX_PUBLIC_PORTS}.",
            ports.len()
        );
        return Err(ArmError::bad("TooManyPorts", message));
    }
    if address["type"] == "Private" && array(&properties["subnetIds"]).is_empty() {
        let message = format!(
            "IP Address type in container group '{group}' is invalid. Private IP address is only \
             supported when network profile is defined."
        );
        return Err(ArmError::bad("PrivateIPAddressNotSupported", message));
    }
    let exposed: HashSet<_> = array(&properties["containers"])
        .iter()
        .flat_map(|container| array(&container["properties"]["ports"]))
        .map(port)
        .collect();
    let mut seen = HashSet::new();
    for public in ports.iter().map(port) {
        let (number, protocol) = &public;
        let reason = if !(1..=65_535).contains(number) {
            "is not a port"
        } else if !exposed.contains(&public) {
            "is not exposed by any of its containers"
        } else if !seen.insert(public.clone()) {
            "is given twice"
        } else {
            continue;
        };
        let message =
            format!("The port '{number}/{protocol}' of container group '{group}' {reason}.");
        return Err(ArmError::bad("PortNotExposed", message));
    }
    label(address, group)
}

fn label(address: &Value, group: &str) -> Result<(), ArmError> {
    let Some(label) = address["dnsNameLabel"].as_str() else { return Ok(()) };
    let bytes = label.as_bytes();
    let good = (5..=63).contains(&label.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last() != Some(&b'-');
    if good {
        return Ok(());
    }
    let message = format!(
        "The DNS name label '{label}' in container group '{group}' is invalid. It can contain only \
         lowercase letters, numbers and hyphens. The first character must be a letter. The last \
         character must be a letter or number. The value must be between 5 and 63 characters long."
    );
    Err(ArmError::bad("InvalidDnsNameLabel", message))
}

fn credentials(body: &Value, group: &str) -> Result<(), ArmError> {
    for (at, entry) in array(&body["properties"]["imageRegistryCredentials"]).iter().enumerate() {
        required(entry, "server", &format!("properties.imageRegistryCredentials[{at}]"))?;
        let server = entry["server"].as_str().unwrap_or_default();
        let has = |name: &str| entry[name].as_str().is_some_and(|text| !text.is_empty());
        match (has("username"), has("identity")) {
            (true, true) => {
                let message = format!(
                    "The image registry credential '{server}' in container group '{group}' has both \
                     a username and an identity."
                );
                return Err(ArmError::bad("AmbiguousImageResitryCredentialType", message));
            }
            (false, false) => {
                let message = format!(
                    "The image registry credential '{server}' in container group '{group}' has \
                     neither a username nor an identity."
                );
                return Err(ArmError::bad("InvalidImageRegistryCredentialType", message));
            }
            (false, true) => identity(body, entry["identity"].as_str().unwrap_or_default(), group)?,
            (true, false) if !has("password") && !has("passwordReference") => {
                let message = format!(
                    "The image registry credential '{server}' in container group '{group}' has no password."
                );
                return Err(ArmError::bad("InvalidImageRegistryCredentialType", message));
            }
            (true, false) => {}
        }
    }
    Ok(())
}

/// An identity for pulling must be assigned to the group.
fn identity(body: &Value, identity: &str, group: &str) -> Result<(), ArmError> {
    let own = body["identity"]["userAssignedIdentities"].as_object();
    if own.is_some_and(|own| own.keys().any(|key| key.eq_ignore_ascii_case(identity))) {
        return Ok(());
    }
    let message = format!(
        "The identity '{identity}' of an image registry credential is not assigned to container group '{group}'."
    );
    Err(ArmError::bad("InvalidImageRegistryIdentity", message))
}

/// Fails if an update of a running group changes what the service keeps fixed.
pub fn update(before: &Value, after: &Value, group: &str) -> Result<(), ArmError> {
    let fixed = |body: &Value| {
        let properties = &body["properties"];
        let containers = array(&properties["containers"]).iter().map(|container| {
            let requests = &container["properties"]["resources"]["requests"];
            let number = |name: &str| requests[name].as_f64().unwrap_or_default().to_bits();
            (container["name"].to_string(), number("cpu"), number("memoryInGB"))
        });
        let mut ports: Vec<_> = array(&properties["ipAddress"]["ports"]).iter().map(port).collect();
        ports.sort();
        (
            properties["osType"].to_string(),
            properties["restartPolicy"].as_str().unwrap_or("Always").to_owned(),
            containers.collect::<HashSet<_>>(),
            ports,
        )
    };
    if fixed(before) == fixed(after) {
        return Ok(());
    }
    let message = format!(
        "The updates on container group '{group}' are invalid. If you are going to update the os \
         type, restart policy, network profile, CPU, memory or GPU resources for a container \
         group, you must delete it first and then create a new one."
    );
    Err(ArmError::bad("InvalidContainerGroupUpdate", message))
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
