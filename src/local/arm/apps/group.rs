//! A revision as a group of the runtime, by way of the body of a container group: what both
//! have is found and started by the same code.

use super::super::handle::Arm;
use super::super::response::ArmError;
use super::super::store::{App, AppRevision, ContainerGroup};
use crate::local::arm::containers;
use serde_json::{Value, json};

/// The id of a revision in the runtime. No container group has such a name.
pub fn runtime_id(app: &App, revision: &str) -> String {
    containers::key(&app.resource_group, &name_of(revision))
}

fn name_of(revision: &str) -> String {
    format!("apps/{revision}")
}

pub fn group_of(arm: &Arm, app: &App, revision: &AppRevision) -> Result<ContainerGroup, ArmError> {
    let host = app.host_of(&revision.name);
    Ok(ContainerGroup {
        id: format!("{}/revisions/{}", app.id, revision.name),
        name: name_of(&revision.name),
        resource_group: app.resource_group.clone(),
        body: body(arm, app, revision)?,
        ip: host.clone(),
        fqdn: Some(host),
        stopped: false,
    })
}

fn body(arm: &Arm, app: &App, revision: &AppRevision) -> Result<Value, ArmError> {
    let configuration = &app.body["properties"]["configuration"];
    let mut containers = Vec::new();
    for container in list(&revision.template["containers"]) {
        containers.push(self::container(arm, app, container)?);
    }
    let port = configuration["ingress"]["targetPort"].clone();
    let ports = if port.is_null() { json!([]) } else { json!([{ "port": port }]) };
    Ok(json!({
        "location": app.location,
        "properties": {
            "osType": "Linux",
            "restartPolicy": "Always",
            "ipAddress": { "type": "Public", "ports": ports },
            "imageRegistryCredentials": credentials(arm, app)?,
            "containers": containers,
        },
    }))
}

fn container(arm: &Arm, app: &App, container: &Value) -> Result<Value, ArmError> {
    let mut env = Vec::new();
    for variable in list(&container["env"]) {
        let value = match variable["secretRef"].as_str() {
            Some(name) => secret(arm, app, name)?,
            None => variable["value"].as_str().unwrap_or_default().to_owned(),
        };
        env.push(json!({ "name": variable["name"], "secureValue": value }));
    }
    let words = |member: &str| list(&container[member]).to_vec();
    let (command, arguments) = (words("command"), words("args"));
    let command = match (command.is_empty(), arguments.is_empty()) {
        // Arguments alone follow the entrypoint of the image.
        (true, false) => return Err(arguments_alone(container)),
        _ => [command, arguments].concat(),
    };
    let mut properties = json!({
        "image": container["image"],
        "command": command,
        "environmentVariables": env,
        "resources": { "requests": {
            "cpu": container["resources"]["cpu"],
            "memoryInGB": gigabytes(container["resources"]["memory"].as_str()),
        } },
    });
    for probe in list(&container["probes"]) {
        let name = match probe["type"].as_str() {
            Some("Liveness") => "livenessProbe",
            Some("Readiness") => "readinessProbe",
            // What runs is asked on its port before it gets requests, in any case.
            _ => continue,
        };
        if !probe["httpGet"].is_null() {
            properties[name] = probe.clone();
        }
    }
    Ok(json!({ "name": container["name"], "properties": properties }))
}

fn arguments_alone(container: &Value) -> ArmError {
    let message = format!(
        "The local cloud runs the arguments of container {} only with a 'command' before them.",
        container["name"]
    );
    ArmError::bad("NotSupported", message)
}

/// The number of `0.5Gi`.
pub fn gigabytes(memory: Option<&str>) -> Option<f64> {
    memory?.strip_suffix("Gi")?.parse().ok()
}

fn credentials(arm: &Arm, app: &App) -> Result<Vec<Value>, ArmError> {
    let mut all = Vec::new();
    for registry in list(&app.body["properties"]["configuration"]["registries"]) {
        let server = &registry["server"];
        if registry["identity"].as_str().is_some_and(|identity| !identity.is_empty()) {
            all.push(json!({ "server": server, "identity": registry["identity"] }));
            continue;
        }
        let password =
            secret(arm, app, registry["passwordSecretRef"].as_str().unwrap_or_default())?;
        all.push(json!({
            "server": server, "username": registry["username"], "password": password,
        }));
    }
    Ok(all)
}

/// The value of a secret of the app, be it its own or one in Key Vault.
pub fn secret(arm: &Arm, app: &App, name: &str) -> Result<String, ArmError> {
    let secrets = list(&app.body["properties"]["configuration"]["secrets"]);
    let Some(secret) = secrets.iter().find(|secret| secret["name"] == name) else {
        let message =
            format!("SecretRef '{name}' defined for container app '{}' not found.", app.name);
        return Err(ArmError::bad("ContainerAppSecretRefNotFound", message));
    };
    let Some(address) = secret["keyVaultUrl"].as_str() else {
        return Ok(secret["value"].as_str().unwrap_or_default().to_owned());
    };
    let found = url::Url::parse(address).ok().and_then(|url| {
        let mut parts = url.path_segments()?.filter(|part| !part.is_empty());
        let ("secrets", name, version) = (parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        arm.vaults.get(url.host_str()?, name, version)
    });
    let value = found.filter(|found| found.enabled).map(|found| found.value.expose().to_owned());
    value.ok_or_else(|| {
        let identity = secret["identity"].as_str().unwrap_or("system");
        let message =
            format!("Unable to get value using Managed identity {identity} for secret {name}");
        ArmError::bad("InvalidParameterValueInContainerTemplate", message)
    })
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
