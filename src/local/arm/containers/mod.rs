//! Container groups: put, looked at, started and stopped, deleted.

mod images;
mod launch;
mod lifecycle;
mod names;
mod operations;
mod secrets;
mod show;
mod validate;

pub(super) use launch::{published, start_again};
pub(super) use lifecycle::delete_all;

use super::answer::{Answer, Refusal};
use super::request::Request;
use super::resource_groups;
use super::service::{Arm, no_such_route};
use super::store::ContainerGroup;
use crate::local::runtime::LogQuery;
use http::Method;
use serde_json::{Value, json};

/// The type of resource.
pub(super) const KIND: &str = "Microsoft.ContainerInstance/containerGroups";

pub(super) async fn handle(arm: &Arm, request: &Request) -> Result<Answer, Refusal> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (get, post) = (request.method == Method::GET, request.method == Method::POST);
    match (path.resource_group.as_deref(), words.as_slice()) {
        (None, ["locations", _, "operations", id]) if get => operations::show(arm, id),
        (None, ["locations", _, "usages"]) if get => Ok(usages(arm)),
        (None, ["locations", _, "capabilities" | "cachedimages"]) if get => {
            Ok(Answer::list(vec![]))
        }
        (group, ["containergroups"]) if get => list(arm, group),
        (Some(group), ["containergroups", _]) => one(arm, request, group).await,
        (Some(group), ["containergroups", _, action]) if post => {
            let found = find(arm, group, &path.rest[1])?;
            match *action {
                "restart" => lifecycle::restart(arm, request, &found).await,
                "start" => lifecycle::start(arm, &found).await,
                "stop" => lifecycle::stop(arm, &found).await,
                _ => Err(no_such_route(&request.method, action)),
            }
        }
        (Some(group), ["containergroups", _, "containers", _, "logs"]) if get => {
            let found = find(arm, group, &path.rest[1])?;
            logs(arm, request, &found, &path.rest[3])
        }
        _ => Err(no_such_route(&request.method, request.parameter("").unwrap_or_default())),
    }
}

/// The key of a group in the store, and its id in the runtime.
fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}").to_ascii_lowercase()
}

/// A group that is there.
fn find(arm: &Arm, group: &str, name: &str) -> Result<ContainerGroup, Refusal> {
    let group = resource_groups::find(arm, group)?.name;
    let found = arm.store().read().container_groups.get(&key(&group, name)).cloned();
    found.ok_or_else(|| {
        let message =
            format!("The container group '{name}' under resource group '{group}' was not found.");
        Refusal::missing("ContainerGroupNotFound", message)
    })
}

async fn one(arm: &Arm, request: &Request, group: &str) -> Result<Answer, Refusal> {
    let name = &request.path.rest[1];
    match request.method {
        Method::GET => Ok(Answer::ok(show::whole(arm, &find(arm, group, name)?))),
        Method::PUT => lifecycle::put(arm, request, group, name).await,
        Method::PATCH => patch(arm, request, find(arm, group, name)?),
        Method::DELETE => lifecycle::delete(arm, group, name),
        _ => Err(no_such_route(&request.method, name)),
    }
}

/// Only tags may be patched.
fn patch(arm: &Arm, request: &Request, mut found: ContainerGroup) -> Result<Answer, Refusal> {
    if let Some(tags) = resource_groups::tags(&request.json()?) {
        found.body["tags"] = Value::Object(tags);
    }
    keep(arm, &found)?;
    Ok(Answer::ok(show::whole(arm, &found)))
}

fn keep(arm: &Arm, found: &ContainerGroup) -> Result<(), Refusal> {
    let key = key(&found.resource_group, &found.name);
    let kept =
        arm.store().change(|content| drop(content.container_groups.insert(key, found.clone())));
    kept.map_err(|error| Refusal::broken(&error))
}

fn list(arm: &Arm, group: Option<&str>) -> Result<Answer, Refusal> {
    let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
    let all: Vec<ContainerGroup> = arm.store().read().container_groups.values().cloned().collect();
    let meant = all.iter().filter(|found| {
        group.as_ref().is_none_or(|group| group.name.eq_ignore_ascii_case(&found.resource_group))
    });
    Ok(Answer::list(meant.map(|found| show::brief(arm, found))))
}

fn logs(
    arm: &Arm,
    request: &Request,
    found: &ContainerGroup,
    container: &str,
) -> Result<Answer, Refusal> {
    let known = validate::array(&found.body["properties"]["containers"])
        .iter()
        .chain(validate::array(&found.body["properties"]["initContainers"]))
        .any(|known| known["name"] == *container);
    if !known {
        let message = format!(
            "The container '{container}' was not found in container group '{}'.",
            found.name
        );
        return Err(Refusal::missing("ContainerNotFound", message));
    }
    let query = LogQuery {
        tail: request.parameter("tail").and_then(|tail| tail.parse().ok()),
        timestamps: request
            .parameter("timestamps")
            .is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
    };
    let id = key(&found.resource_group, &found.name);
    let content = arm.runtime().logs(&id, container, query);
    let content = content.map_err(|error| Refusal::broken(&error))?;
    Ok(Answer::ok(json!({ "content": content })))
}

/// As many as the default limits allow, and what is in use of them.
fn usages(arm: &Arm) -> Answer {
    let groups = arm.store().read().container_groups.len();
    let usage = |name: &str, shown: &str, value: usize| {
        json!({
            "unit": "Count", "currentValue": value, "limit": 100,
            "name": { "value": name, "localizedValue": shown },
        })
    };
    Answer::list(vec![
        usage("ContainerGroups", "Container Groups", groups),
        usage("StandardCores", "Standard Cores", groups),
    ])
}
