//! Requests that change a container group: put, restart, start, stop, delete.

use super::super::handle::Arm;
use super::super::held::write_published;
use super::super::identities;
use super::super::path::ResourceId;
use super::super::request::ArmRequest;
use super::super::resource_groups;
use super::super::response::{ASYNC_OPERATION, ArmError, ArmResponse};
use super::super::store::ContainerGroup;
use super::names::{NameScope, address, fqdn};
use super::records::{KIND, find, keep, key};
use super::{images, launch, operations, quota, show, validate};
use crate::local::runtime::GroupState;
use http::StatusCode;
use serde_json::Value;

pub async fn put(
    arm: &Arm,
    request: &ArmRequest,
    group: &str,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    let body = request.json()?;
    check_name(name)?;
    validate::body(&body, name)?;
    let before = arm.store.read().container_groups.get(&key(&group, name)).cloned();
    if let Some(before) = &before {
        check_settled(arm, before)?;
        if runs(arm, before) {
            validate::update(&before.body, &body, name)?;
        }
    }
    let found = resource(
        arm,
        NewGroup {
            host: &request.host,
            resource_group: &group,
            name,
            body,
            before: before.as_ref(),
        },
    );
    check_label_is_free(arm, &found)?;
    if before.is_none() {
        quota::check(arm, &found)?;
    }
    identities::check_assigned(arm, &found.body, &found.id)?;
    images::fetch_all(arm, &found.body).await?;
    images::check(arm, &found.body, name)?;

    keep(arm, &found)?;
    launch::launch(arm, &found).await?;
    let operation = operations::begin(arm, &request.host, &found)?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok(ArmResponse::new(status, show::pending(arm, &found)).with(ASYNC_OPERATION, &operation))
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = name.starts_with('-') || name.ends_with('-');
    if (1..=63).contains(&name.len()) && name.bytes().all(good) && !edges {
        return Ok(());
    }
    let message = format!(
        "The container group name '{name}' is invalid. The container group name must contain no \
         more than 63 characters and must match the regex '[a-z0-9]([-a-z0-9]*[a-z0-9])?' (e.g. \
         'my-name')."
    );
    Err(ArmError::bad("InvalidContainerGroupName", message))
}

/// What a PUT asks for.
struct NewGroup<'a> {
    /// The host of the request.
    host: &'a str,
    resource_group: &'a str,
    name: &'a str,
    body: Value,
    /// The group that is replaced.
    before: Option<&'a ContainerGroup>,
}

/// The group to store. A group that is put again keeps its address, and its FQDN
/// unless the label changes.
fn resource(arm: &Arm, new: NewGroup<'_>) -> ContainerGroup {
    let NewGroup { host, resource_group, name, body, before } = new;
    let identity = arm.identity();
    let subscription = identity.subscription_id.as_str();
    let scope = NameScope { tenant: &identity.tenant_id, subscription, resource_group, host };
    let label = |body: &Value| body["properties"]["ipAddress"]["dnsNameLabel"].clone();
    let same = before.filter(|before| label(&before.body) == label(&body));
    let fqdn = match same {
        Some(before) => before.fqdn.clone(),
        None => fqdn(&body, &scope),
    };
    let ip = before.map_or_else(
        || {
            let content = arm.store.read();
            let taken: Vec<String> =
                content.container_groups.values().map(|other| other.ip.clone()).collect();
            address(&taken)
        },
        |before| before.ip.clone(),
    );
    let id = ResourceId { subscription, resource_group, kind: KIND, name }.to_string();
    let (name, resource_group) = (name.to_owned(), resource_group.to_owned());
    ContainerGroup { id, name, resource_group, body, ip, fqdn, stopped: false }
}

/// A DNS name label is unique within its region.
fn check_label_is_free(arm: &Arm, found: &ContainerGroup) -> Result<(), ArmError> {
    let Some(fqdn) = &found.fqdn else { return Ok(()) };
    let content = arm.store.read();
    let taken = content.container_groups.values().any(|other| {
        other.fqdn.as_ref() == Some(fqdn) && !other.id.eq_ignore_ascii_case(&found.id)
    });
    if !taken && !arm.access.is_taken(fqdn) {
        return Ok(());
    }
    let label = found.body["properties"]["ipAddress"]["dnsNameLabel"].as_str().unwrap_or_default();
    let message = format!(
        "The DNS name label '{label}' in container group '{}' is not available. Try using a \
         different label.",
        found.name
    );
    Err(ArmError::bad("DnsNameLabelAlreadyTaken", message))
}

fn check_settled(arm: &Arm, found: &ContainerGroup) -> Result<(), ArmError> {
    let view = arm.runtime.view(&key(&found.resource_group, &found.name));
    if view.is_none_or(|view| view.settled()) {
        return Ok(());
    }
    let message =
        format!("The container group '{}' is still transitioning, please retry later.", found.name);
    Err(ArmError::conflict("ContainerGroupTransitioning", message))
}

/// Whether the group still runs. One that has ended may be put as a new one.
fn runs(arm: &Arm, found: &ContainerGroup) -> bool {
    let view = arm.runtime.view(&key(&found.resource_group, &found.name));
    view.is_some_and(|view| {
        matches!(
            view.state(launch::restart(&found.body)),
            GroupState::Running | GroupState::Pending
        )
    })
}

pub async fn restart(
    arm: &Arm,
    request: &ArmRequest,
    found: &ContainerGroup,
) -> Result<ArmResponse, ArmError> {
    check_settled(arm, found)?;
    set_stopped(arm, found, false)?;
    launch::launch(arm, found).await?;
    let operation = operations::begin(arm, &request.host, found)?;
    Ok(ArmResponse::empty(StatusCode::NO_CONTENT).with(ASYNC_OPERATION, &operation))
}

pub async fn start(arm: &Arm, found: &ContainerGroup) -> Result<ArmResponse, ArmError> {
    check_settled(arm, found)?;
    if !runs(arm, found) {
        set_stopped(arm, found, false)?;
        launch::launch(arm, found).await?;
    }
    Ok(ArmResponse::empty(StatusCode::NO_CONTENT))
}

pub async fn stop(arm: &Arm, found: &ContainerGroup) -> Result<ArmResponse, ArmError> {
    set_stopped(arm, found, true)?;
    arm.runtime.stop(&key(&found.resource_group, &found.name)).await;
    Ok(ArmResponse::empty(StatusCode::NO_CONTENT))
}

fn set_stopped(arm: &Arm, found: &ContainerGroup, stopped: bool) -> Result<(), ArmError> {
    keep(arm, &ContainerGroup { stopped, ..found.clone() })
}

/// Answers with the group as it was and stops it in the background, as recorded.
pub fn delete(arm: &Arm, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let found = match find(arm, group, name) {
        Ok(found) => found,
        Err(refusal) if refusal.code == "ResourceNotFound" => {
            return Ok(ArmResponse::empty(StatusCode::NO_CONTENT));
        }
        Err(refusal) => return Err(refusal),
    };
    let shown = show::whole(arm, &found);
    let id = forget(arm, &found)?;
    tokio::spawn(arm.runtime.remove(&id));
    Ok(ArmResponse::ok(shown))
}

fn forget(arm: &Arm, found: &ContainerGroup) -> Result<String, ArmError> {
    let id = key(&found.resource_group, &found.name);
    let removed = arm.store.change(|content| drop(content.container_groups.remove(&id)));
    removed.map_err(|error| ArmError::broken(&error))?;
    write_published(arm);
    Ok(id)
}

/// Deletes all container groups of a resource group.
pub async fn delete_all(arm: &Arm, group: &str) -> Result<(), ArmError> {
    let all: Vec<ContainerGroup> = arm.store.read().container_groups.values().cloned().collect();
    for found in all.iter().filter(|found| found.resource_group.eq_ignore_ascii_case(group)) {
        let id = forget(arm, found)?;
        arm.runtime.remove(&id).await;
    }
    Ok(())
}
