//! The JSON of a container group: the body that was put, without its secrets, with
//! what the service adds. Fields and their order are those of recordings.

use super::super::handle::Arm;
use super::super::identities;
use super::super::store::ContainerGroup;
use super::json::array;
use super::launch;
use super::records::{KIND, key};
use crate::local::runtime::{ContainerEvent, ContainerState, ContainerView, GroupState, GroupView};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Properties that are shown as they were put.
const UNCHANGED_PROPERTIES: [&str; 10] = [
    "sku",
    "priority",
    "dnsConfig",
    "subnetIds",
    "encryptionProperties",
    "extensions",
    "confidentialComputeProperties",
    "secretReferences",
    "identityAcls",
    "containerGroupProfile",
];

/// As the response to GET: with instance views.
pub fn whole(arm: &Arm, found: &ContainerGroup) -> Value {
    let view = arm.runtime.view(&key(&found.resource_group, &found.name));
    shown(arm, found, GroupDisplay { view: view.as_ref(), states: true, pending: false })
}

/// As an element of a list: without instance views.
pub fn brief(arm: &Arm, found: &ContainerGroup) -> Value {
    let view = arm.runtime.view(&key(&found.resource_group, &found.name));
    shown(arm, found, GroupDisplay { view: view.as_ref(), states: false, pending: false })
}

/// As the response to PUT: all is pending, and there is no address yet.
pub fn pending(arm: &Arm, found: &ContainerGroup) -> Value {
    shown(arm, found, GroupDisplay { view: None, states: true, pending: true })
}

#[derive(Clone, Copy)]
struct GroupDisplay<'a> {
    view: Option<&'a GroupView>,
    states: bool,
    pending: bool,
}

fn shown(arm: &Arm, found: &ContainerGroup, how: GroupDisplay<'_>) -> Value {
    let body = &found.body;
    let put = &body["properties"];
    let state = state(found, how.view);
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
    set("sku", json!("Standard"));
    set("provisioningState", json!(provisioning(how, state)));
    set("provisioningTimeoutInSeconds", json!(1800));
    set("isCustomProvisioningTimeout", json!(false));
    let all = |list: &Value| -> Vec<Value> {
        array(list).iter().map(|entry| container(entry, how)).collect()
    };
    set("containers", json!(all(&put["containers"])));
    let mut first = all(&put["initContainers"]);
    // They have no ports, as nothing reaches them.
    first.iter_mut().filter_map(|it| it["properties"].as_object_mut()).for_each(|it| {
        it.remove("ports");
    });
    set("initContainers", json!(first));
    if !put["imageRegistryCredentials"].is_null() {
        set("imageRegistryCredentials", without(&put["imageRegistryCredentials"], &["password"]));
    }
    set("restartPolicy", json!(put["restartPolicy"].as_str().unwrap_or("Always")));
    if !put["ipAddress"].is_null() {
        set("ipAddress", address(found, how.pending));
    }
    set("osType", put["osType"].clone());
    if !put["volumes"].is_null() {
        set("volumes", volumes(&put["volumes"]));
    }
    for name in UNCHANGED_PROPERTIES {
        if !put[name].is_null() {
            set(name, put[name].clone());
        }
    }
    if !put["diagnostics"].is_null() {
        let mut diagnostics = put["diagnostics"].clone();
        if let Some(analytics) = diagnostics["logAnalytics"].as_object_mut() {
            analytics.remove("workspaceKey");
        }
        set("diagnostics", diagnostics);
    }
    if how.states {
        let state = if how.pending { "Pending" } else { spelled(state) };
        set("instanceView", json!({ "events": group_events(how.view), "state": state }));
    }
    let mut whole = json!({
        "properties": properties, "id": found.id, "name": found.name, "type": KIND,
        "location": crate::value::normal_region(body["location"].as_str().unwrap_or_default()),
        "tags": if body["tags"].is_null() { json!({}) } else { body["tags"].clone() },
    });
    if !body["identity"].is_null() {
        whole["identity"] = identities::assigned(arm, &body["identity"], &found.id);
    }
    if !body["zones"].is_null() {
        whole["zones"] = body["zones"].clone();
    }
    whole
}

/// How a group is, as its instance view says.
pub fn state_of(arm: &Arm, found: &ContainerGroup) -> &'static str {
    let view = arm.runtime.view(&key(&found.resource_group, &found.name));
    spelled(state(found, view.as_ref()))
}

fn state(found: &ContainerGroup, view: Option<&GroupView>) -> GroupState {
    match view {
        Some(view) => view.state(launch::restart(&found.body)),
        None if found.stopped => GroupState::Stopped,
        None => GroupState::Pending,
    }
}

fn provisioning(how: GroupDisplay<'_>, state: GroupState) -> &'static str {
    match (how.view, state) {
        _ if how.pending => "Pending",
        (Some(view), _) if view.refused.is_some() => "Failed",
        (_, GroupState::Pending) => "Creating",
        _ => "Succeeded",
    }
}

fn spelled(state: GroupState) -> &'static str {
    match state {
        GroupState::Pending => "Pending",
        GroupState::Running => "Running",
        GroupState::Stopped => "Stopped",
        GroupState::Succeeded => "Succeeded",
        GroupState::Failed => "Failed",
    }
}

fn without(list: &Value, names: &[&str]) -> Value {
    let mut list = list.clone();
    for entry in list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        for name in names {
            entry.shift_remove(*name);
        }
    }
    list
}

fn container(entry: &Value, how: GroupDisplay<'_>) -> Value {
    let put = &entry["properties"];
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
    set("image", put["image"].clone());
    if !put["command"].is_null() {
        set("command", put["command"].clone());
    }
    set("ports", ports(&put["ports"]));
    let variables = &put["environmentVariables"];
    set(
        "environmentVariables",
        if variables.is_null() { json!([]) } else { without(variables, &["secureValue"]) },
    );
    let name = entry["name"].as_str().unwrap_or_default();
    let view = how.view.and_then(|view| view.container(name));
    if let Some(view) = view.filter(|_| how.states) {
        set("instanceView", instance(view));
    }
    for name in ["resources", "volumeMounts", "livenessProbe", "readinessProbe", "securityContext"]
    {
        if !put[name].is_null() {
            set(name, put[name].clone());
        }
    }
    json!({ "name": name, "properties": properties })
}

/// The service adds the protocol where the client left it out.
fn ports(list: &Value) -> Value {
    let all = array(list).iter().map(|port| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        json!({ "protocol": protocol, "port": port["port"] })
    });
    Value::Array(all.collect())
}

fn address(found: &ContainerGroup, pending: bool) -> Value {
    let put = &found.body["properties"]["ipAddress"];
    let mut address = Map::new();
    address.insert("ports".to_owned(), ports(&put["ports"]));
    if !pending {
        address.insert("ip".to_owned(), json!(found.ip));
    }
    address.insert("type".to_owned(), put["type"].clone());
    if let Some(fqdn) = &found.fqdn {
        let scope = put["autoGeneratedDomainNameLabelScope"].as_str().unwrap_or("Unsecure");
        address.insert("dnsNameLabel".to_owned(), put["dnsNameLabel"].clone());
        address.insert("autoGeneratedDomainNameLabelScope".to_owned(), json!(scope));
        address.insert("fqdn".to_owned(), json!(fqdn));
    }
    Value::Object(address)
}

fn volumes(list: &Value) -> Value {
    let mut list = list.clone();
    for volume in list.as_array_mut().into_iter().flatten() {
        if !volume["secret"].is_null() {
            volume["secret"] = json!({});
        }
        if let Some(share) = volume.get_mut("azureFile").and_then(Value::as_object_mut) {
            share.remove("storageAccountKey");
        }
    }
    list
}

fn instance(view: &ContainerView) -> Value {
    let mut instance =
        json!({ "restartCount": view.restarts, "currentState": container_state(&view.current) });
    if let Some(previous) = &view.previous {
        instance["previousState"] = container_state(previous);
    }
    if !view.events.is_empty() {
        instance["events"] = view.events.iter().map(event).collect();
    }
    instance
}

fn container_state(state: &ContainerState) -> Value {
    match state {
        ContainerState::Waiting { detail } => json!({ "state": "Waiting", "detailStatus": detail }),
        ContainerState::Running { start } => {
            json!({ "state": "Running", "startTime": time(*start), "detailStatus": "" })
        }
        ContainerState::Terminated { start, finish, exit_code, detail } => json!({
            "state": "Terminated", "startTime": time(*start), "exitCode": exit_code,
            "finishTime": time(*finish), "detailStatus": detail,
        }),
    }
}

fn event(event: &ContainerEvent) -> Value {
    json!({
        "count": event.count,
        "firstTimestamp": seconds(event.first),
        "lastTimestamp": seconds(event.last),
        "name": event.name,
        "message": event.message,
        "type": if event.warning { "Warning" } else { "Normal" },
    })
}

fn group_events(view: Option<&GroupView>) -> Vec<Value> {
    let refused = view.and_then(|view| view.refused.as_ref());
    let now = Timestamp::now();
    let event_of = |message: &String| {
        let message = message.clone();
        event(&ContainerEvent {
            name: "Failed",
            warning: true,
            message,
            count: 1,
            first: now,
            last: now,
        })
    };
    refused.map(event_of).into_iter().collect()
}

/// `2023-05-05T00:15:56.437Z`.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `2017-08-08T00:09:10Z`.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
