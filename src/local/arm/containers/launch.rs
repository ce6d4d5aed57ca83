//! Translates the body of a container group for the runtime, and starts it.

use super::super::handle::Arm;
use super::super::response::ArmError;
use super::super::store::ContainerGroup;
use super::json::{array, public_ports};
use super::probes::probe;
use super::records::key;
use super::secrets::FieldNames;
use super::{images, secrets};
use crate::local::arm::held::write_published;
use crate::local::files::{create_folder, write_private};
use crate::local::runtime::{Container, Group, Restart, Volume};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// Starts a group, replacing the running one of that name.
pub async fn launch(arm: &Arm, found: &ContainerGroup) -> Result<(), ArmError> {
    arm.runtime.removed(&key(&found.resource_group, &found.name)).await;
    let group = group(arm, found)?;
    arm.runtime.launch(group).await.map_err(|error| ArmError::broken(&error))?;
    write_published(arm);
    Ok(())
}

/// Starts the groups that ran when an earlier process of this cloud ended.
pub async fn restart_all(arm: &Arm) {
    let all: Vec<ContainerGroup> = arm.store.read().container_groups.values().cloned().collect();
    for found in all.iter().filter(|found| !found.stopped) {
        if let Err(refusal) = launch(arm, found).await {
            // The group is shown as pending until a client puts it again.
            tracing::warn!(
                group = found.name,
                reason = refusal.message,
                "cannot restart a container group"
            );
        }
    }
    write_published(arm);
}

pub fn restart(body: &Value) -> Restart {
    match body["properties"]["restartPolicy"].as_str() {
        Some("OnFailure") => Restart::OnFailure,
        Some("Never") => Restart::Never,
        _ => Restart::Always,
    }
}

fn group(arm: &Arm, found: &ContainerGroup) -> Result<Group, ArmError> {
    let id = key(&found.resource_group, &found.name);
    let properties = &found.body["properties"];
    let volumes = volumes(arm, &id, &properties["volumes"])?;
    let all = |list: &Value| -> Result<Vec<Container>, ArmError> {
        array(list).iter().map(|entry| container(arm, found, entry, &volumes)).collect()
    };
    Ok(Group {
        hosts: found.fqdn.iter().chain([&found.ip]).cloned().collect(),
        ports: public_ports(&found.body),
        restart: restart(&found.body),
        init: all(&properties["initContainers"])?,
        containers: all(&properties["containers"])?,
        memory_bytes: memory_bytes(&properties["containers"]),
        id,
    })
}

/// What the containers may take together: the limit of each, or what it requests.
fn memory_bytes(containers: &Value) -> Option<u64> {
    let of = |container: &Value| {
        let resources = &container["properties"]["resources"];
        let gigabytes = |kind: &str| resources[kind]["memoryInGB"].as_f64();
        // Azure's GB are powers of two.
        gigabytes("limits").or_else(|| gigabytes("requests")).map(|it| it * f64::from(1 << 30))
    };
    let bytes: f64 = array(containers).iter().map(of).sum::<Option<f64>>()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "validated: positive and at most some hundred GB"
    )]
    let bytes = bytes as u64;
    Some(bytes)
}

fn container(
    arm: &Arm,
    found: &ContainerGroup,
    entry: &Value,
    volumes: &Path,
) -> Result<Container, ArmError> {
    let properties = &entry["properties"];
    let image = images::find(arm, &found.body, entry)?.ok_or_else(|| {
        let message = format!("The image '{}' is not there any more.", properties["image"]);
        ArmError::bad("InaccessibleImage", message)
    })?;
    let mut env = Vec::new();
    for variable in array(&properties["environmentVariables"]) {
        let inline = &["secureValue", "value"];
        let names = FieldNames { inline, reference: "secureValueReference" };
        let value = secrets::value(arm, &found.body, variable, names)?;
        env.push((variable["name"].as_str().unwrap_or_default().to_owned(), value));
    }
    let command = array(&properties["command"]).iter().filter_map(Value::as_str);
    let mounts = array(&properties["volumeMounts"]).iter().map(|mount| Volume {
        source: volumes.join(path_component(mount["name"].as_str().unwrap_or_default())),
        target: mount["mountPath"].as_str().unwrap_or_default().to_owned(),
        read_only: mount["readOnly"].as_bool().unwrap_or(false),
    });
    Ok(Container {
        name: entry["name"].as_str().unwrap_or_default().to_owned(),
        image,
        command: command.map(str::to_owned).collect(),
        env,
        mounts: mounts.collect(),
        liveness: probe(&properties["livenessProbe"]),
        readiness: probe(&properties["readinessProbe"]),
    })
}

/// Creates a folder for each volume. Secret volumes get their files; all others
/// are empty, because file shares and git repositories are not simulated.
fn volumes(arm: &Arm, id: &str, list: &Value) -> Result<PathBuf, ArmError> {
    let folder = arm.runtime.volumes(id);
    for volume in array(list) {
        let path_of = folder.join(path_component(volume["name"].as_str().unwrap_or_default()));
        create_folder(&path_of).map_err(|error| ArmError::broken(&error))?;
        for (name, value) in volume["secret"].as_object().into_iter().flatten() {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).map_err(|_| {
                let message =
                    format!("The secret '{name}' of volume {} is not base64.", volume["name"]);
                ArmError::bad("InvalidSecretVolume", message)
            })?;
            let path = path_of.join(path_component(name));
            write_private(&path, &bytes).map_err(|error| ArmError::broken(&error))?;
        }
    }
    Ok(folder)
}

/// A name as one path component. Names that are not plain are hashed.
fn path_component(name: &str) -> PathBuf {
    let parts = Path::new(name).components();
    let normal: Vec<_> = parts.filter(|part| matches!(part, Component::Normal(_))).collect();
    match normal.as_slice() {
        [Component::Normal(part)] => PathBuf::from(part),
        _ => PathBuf::from(crate::oci::Digest::of(name.as_bytes()).short()),
    }
}
