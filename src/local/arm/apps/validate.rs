//! Checks the body of an app as the service does. Codes and messages are those of reported
//! errors; `ContainerAppInvalidName`, `ContainerAppInvalidIngress` and the messages of
//! `ContainerAppInvalidResourceTotal` are invented.

use super::super::resource_groups;
use super::super::response::ArmError;
use super::group::{gigabytes, list};
use crate::value::AppName;
use serde_json::Value;
use std::collections::HashSet;

pub fn body(body: &Value, name: &str) -> Result<(), ArmError> {
    if let Err(error) = name.parse::<AppName>() {
        let message = format!("Invalid ContainerApp name '{name}': {error}.");
        return Err(ArmError::bad("ContainerAppInvalidName", message));
    }
    resource_groups::given_location(body)?;
    let properties = &body["properties"];
    let containers = list(&properties["template"]["containers"]);
    if containers.is_empty() {
        let message = "Container app must have at least one container when created.";
        return Err(ArmError::bad("ContainerAppCreateMustContainContainer", message));
    }
    resources(containers)?;
    secrets(properties, containers)?;
    let ingress = &properties["configuration"]["ingress"];
    let port = ingress["targetPort"].as_u64();
    if ingress.is_object() && port.is_none_or(|port| !(1..=65535).contains(&port)) {
        let message = "The ingress of the container app needs a 'targetPort' from 1 to 65535.";
        return Err(ArmError::bad("ContainerAppInvalidIngress", message));
    }
    let scale = &properties["template"]["scale"];
    let (min, max) = (scale["minReplicas"].as_u64(), scale["maxReplicas"].as_u64());
    if min.unwrap_or(0) > max.unwrap_or(10) {
        let message = "The scale of the container app has more replicas at least than at most.";
        return Err(ArmError::bad("ContainerAppInvalidScaleSpec", message));
    }
    Ok(())
}

/// The service gives twice as many GiB as cores, a quarter to four of these.
fn resources(containers: &[Value]) -> Result<(), ArmError> {
    let cpu: f64 = containers.iter().map(|it| it["resources"]["cpu"].as_f64().unwrap_or(0.5)).sum();
    let memory = |it: &Value| gigabytes(Some(it["resources"]["memory"].as_str().unwrap_or("1Gi")));
    let memory: Option<f64> = containers.iter().map(memory).sum();
    let quarters = cpu * 4.0;
    let is_offered = cpu > 0.0 && cpu <= 4.0 && (quarters - quarters.round()).abs() < 1e-9;
    if is_offered && memory.is_some_and(|memory| (memory - cpu * 2.0).abs() < 1e-9) {
        return Ok(());
    }
    let message = format!(
        "The total requested CPU and memory resources for this application (CPU: {cpu}, memory: {}) \
         is invalid. Total CPU and memory for all containers defined in a Container App must add up \
         to one of the following CPU - Memory combinations: [cpu: 0.25, memory: 0.5Gi]; [cpu: 0.5, \
         memory: 1.0Gi]; … [cpu: 4.0, memory: 8.0Gi]",
        memory.unwrap_or_default()
    );
    Err(ArmError::bad("ContainerAppInvalidResourceTotal", message))
}

fn secrets(properties: &Value, containers: &[Value]) -> Result<(), ArmError> {
    let configuration = &properties["configuration"];
    let mut names = HashSet::new();
    for secret in list(&configuration["secrets"]) {
        let name = secret["name"].as_str().unwrap_or_default();
        let bytes = name.as_bytes();
        let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = bytes.first().is_some_and(word)
            && bytes.last().is_some_and(word)
            && bytes.iter().all(|byte| word(byte) || matches!(byte, b'-' | b'.'));
        if !is_name || !names.insert(name) {
            let message = format!(
                "Invalid value: '{name}': a valid secret name must consist of lower case \
                 alphanumeric characters, '-' or '.', and must start and end with an alphanumeric \
                 character, and be given once."
            );
            return Err(ArmError::bad("ContainerAppInvalidSecretName", message));
        }
        let is_filled = ["value", "keyVaultUrl"]
            .iter()
            .any(|member| secret[*member].as_str().is_some_and(|text| !text.is_empty()));
        if !is_filled {
            let message =
                format!("Secret '{name}' has neither a value nor a reference to Key Vault.");
            return Err(ArmError::bad("ContainerAppSecretInvalid", message));
        }
    }
    for container in containers {
        for variable in list(&container["env"]) {
            let Some(name) = variable["secretRef"].as_str() else { continue };
            if !names.contains(name) {
                let container = container["name"].as_str().unwrap_or_default();
                let message =
                    format!("SecretRef '{name}' defined for container '{container}' not found.");
                return Err(ArmError::bad("ContainerAppSecretRefNotFound", message));
            }
        }
    }
    Ok(())
}
