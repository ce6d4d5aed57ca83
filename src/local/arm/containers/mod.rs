//! The provider `Microsoft.ContainerInstance`.

pub mod exec;
mod images;
mod json;
mod launch;
mod lifecycle;
mod names;
mod operations;
mod probes;
mod quota;
mod records;
mod secrets;
mod show;
mod validate;
mod validate_settings;

pub use images::{check as check_images, fetch_all as fetch_images};
pub use json::public_ports;
pub use launch::{launch, restart_all};
pub use lifecycle::delete_all;
pub use records::{KIND, key};
pub use show::state_of;

use super::handle::Arm;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use super::store::ContainerGroup;
use super::tags;
use crate::local::runtime::LogQuery;
use http::Method;
use records::{check_container, find, keep};
use serde_json::{Value, json};

pub async fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (get, post) = (request.method == Method::GET, request.method == Method::POST);
    match (path.resource_group.as_deref(), words.as_slice()) {
        (None, ["locations", _, "operations", id]) if get => operations::show(arm, id).await,
        (None, ["locations", region, "usages"]) if get => Ok(quota::usages(arm, region)),
        (None, ["locations", _, "capabilities" | "cachedimages"]) if get => {
            Ok(ArmResponse::list(vec![]))
        }
        (group, ["containergroups"]) if get => list(arm, group),
        (Some(group), ["containergroups", _]) => one(arm, request, group).await,
        (Some(group), ["containergroups", _, action]) if post => {
            let found = find(arm, group, &path.rest[1])?;
            match *action {
                "restart" => lifecycle::restart(arm, request, &found).await,
                "start" => lifecycle::start(arm, &found).await,
                "stop" => lifecycle::stop(arm, &found).await,
                _ => Err(ArmError::no_such_route(&request.method, action)),
            }
        }
        (Some(group), ["containergroups", _, "containers", _, "logs"]) if get => {
            let found = find(arm, group, &path.rest[1])?;
            logs(arm, request, &found, &path.rest[3])
        }
        (Some(group), ["containergroups", _, "containers", _, "exec"]) if post => {
            let found = find(arm, group, &path.rest[1])?;
            exec::start(arm, request, &found, &path.rest[3])
        }
        _ => Err(request.no_such_route()),
    }
}

async fn one(arm: &Arm, request: &ArmRequest, group: &str) -> Result<ArmResponse, ArmError> {
    let name = &request.path.rest[1];
    match request.method {
        Method::GET => Ok(ArmResponse::ok(show::whole(arm, &find(arm, group, name)?))),
        Method::PUT => lifecycle::put(arm, request, group, name).await,
        Method::PATCH => patch(arm, request, find(arm, group, name)?),
        Method::DELETE => lifecycle::delete(arm, group, name),
        _ => Err(ArmError::no_such_route(&request.method, name)),
    }
}

/// PATCH changes nothing but tags.
fn patch(
    arm: &Arm,
    request: &ArmRequest,
    mut found: ContainerGroup,
) -> Result<ArmResponse, ArmError> {
    if let Some(tags) = tags::of(&request.json()?)? {
        found.body["tags"] = Value::Object(tags);
    }
    keep(arm, &found)?;
    Ok(ArmResponse::ok(show::whole(arm, &found)))
}

fn list(arm: &Arm, group: Option<&str>) -> Result<ArmResponse, ArmError> {
    let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
    let all: Vec<ContainerGroup> = arm.store.read().container_groups.values().cloned().collect();
    let meant = all.iter().filter(|found| {
        group.as_ref().is_none_or(|group| group.name.eq_ignore_ascii_case(&found.resource_group))
    });
    Ok(ArmResponse::list(meant.map(|found| show::brief(arm, found))))
}

fn logs(
    arm: &Arm,
    request: &ArmRequest,
    found: &ContainerGroup,
    container: &str,
) -> Result<ArmResponse, ArmError> {
    check_container(found, container)?;
    let query = LogQuery {
        tail: request.parameter("tail").and_then(|tail| tail.parse().ok()),
        timestamps: request
            .parameter("timestamps")
            .is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
    };
    let id = key(&found.resource_group, &found.name);
    let content = arm.runtime.logs(&id, container, query);
    let content = content.map_err(|error| ArmError::broken(&error))?;
    Ok(ArmResponse::ok(json!({ "content": content })))
}
