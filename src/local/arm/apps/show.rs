//! The JSON of apps, revisions and replicas, with the explicit nulls of the service.

use super::super::handle::Arm;
use super::super::identities;
use super::super::store::{App, AppRevision};
use super::group::{list, runtime_id};
use super::records::KIND;
use super::traffic;
use crate::local::runtime::{ContainerState, ContainerView, GroupView};
use serde_json::{Map, Value, json};

pub fn app(arm: &Arm, app: &App) -> Value {
    shown(arm, app, "Succeeded")
}

/// As the response to PUT.
pub fn changing(arm: &Arm, app: &App) -> Value {
    shown(arm, app, "InProgress")
}

fn shown(arm: &Arm, app: &App, state: &str) -> Value {
    let put = &app.body["properties"];
    let latest = app.revisions.last().map(|revision| revision.name.as_str());
    let mut configuration = put["configuration"].clone();
    configuration["secrets"] = list(&put["configuration"]["secrets"]).iter().map(secret).collect();
    for name in ["dapr", "maxInactiveRevisions", "service", "identitySettings"] {
        if configuration[name].is_null() {
            configuration[name] = Value::Null;
        }
    }
    let mode = capitalized(configuration["activeRevisionsMode"].as_str().unwrap_or("single"));
    configuration["activeRevisionsMode"] = mode.into();
    if let Some(ingress) = configuration["ingress"].as_object_mut() {
        let is_external = ingress.get("external").is_some_and(|it| it == true);
        ingress.insert("fqdn".to_owned(), app.host(is_external).into());
        let transport = ingress.get("transport").and_then(Value::as_str).unwrap_or("auto");
        let transport = capitalized(transport);
        ingress.insert("transport".to_owned(), transport.into());
        ingress.entry("customDomains").or_insert(Value::Null);
        let all = json!([{ "latestRevision": true, "weight": 100 }]);
        let traffic = ingress.entry("traffic").or_insert(Value::Null);
        if traffic.is_null() {
            *traffic = all;
        }
    }
    let status = if app.stopped { "Stopped" } else { "Running" };
    let mut whole = json!({
        "id": app.id, "name": app.name, "type": KIND,
        "location": region_name(&app.location),
        "tags": if app.body["tags"].is_null() { json!({}) } else { app.body["tags"].clone() },
        "properties": {
            "provisioningState": state,
            "runningStatus": status,
            "managedEnvironmentId": app.environment,
            "environmentId": app.environment,
            "workloadProfileName": "Consumption",
            "outboundIpAddresses": ["203.0.113.251"],
            "latestRevisionName": latest,
            "latestReadyRevisionName": app.ready,
            "latestRevisionFqdn": latest.map(|latest| app.host_of(latest)),
            "customDomainVerificationId": "LOCAL",
            "configuration": configuration,
            "template": template(&put["template"]),
            "eventStreamEndpoint":
                format!("https://{}.azurecontainerapps.dev{}/eventstream", app.location, path(app)),
        },
        "identity": identity(arm, &app.body["identity"], &app.id),
    });
    if latest.is_none() {
        whole["properties"]["latestRevisionFqdn"] = "".into();
    }
    whole
}

/// The path of an app at the service of its streams, which names no provider.
pub fn path(app: &App) -> String {
    app.id.replace("/providers/Microsoft.App/", "/")
}

/// `Auto` for `auto`.
fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The service spells regions as people do. What is not known here stays as it is.
fn region_name(location: &str) -> String {
    match location {
        "westeurope" => "West Europe".to_owned(),
        "northeurope" => "North Europe".to_owned(),
        "eastus" => "East US".to_owned(),
        "eastus2" => "East US 2".to_owned(),
        other => other.to_owned(),
    }
}

/// A secret without its value.
fn secret(secret: &Value) -> Value {
    let mut shown = Map::new();
    for name in ["name", "keyVaultUrl", "identity"] {
        if !secret[name].is_null() {
            shown.insert(name.to_owned(), secret[name].clone());
        }
    }
    shown.into()
}

/// The secrets with their values, as `listSecrets` gives them.
pub fn secrets(app: &App) -> Vec<Value> {
    list(&app.body["properties"]["configuration"]["secrets"]).to_vec()
}

fn template(put: &Value) -> Value {
    let mut template = put.clone();
    template["revisionSuffix"] = put["revisionSuffix"].as_str().unwrap_or_default().into();
    let scale = &put["scale"];
    template["scale"] = json!({
        "minReplicas": scale["minReplicas"],
        "maxReplicas": scale["maxReplicas"].as_u64().unwrap_or(10),
        "cooldownPeriod": 300,
        "pollingInterval": 30,
        "rules": scale["rules"],
    });
    for container in template["containers"].as_array_mut().into_iter().flatten() {
        if container["resources"].is_null() {
            container["resources"] = json!({ "cpu": 0.5, "memory": "1Gi" });
        }
        container["resources"]["ephemeralStorage"] = "2Gi".into();
        if let Some(members) = container.as_object_mut() {
            // Clients write nulls, such as az for `env`, and cannot read them.
            members.retain(|_, value| !value.is_null());
        }
    }
    for name in ["initContainers", "volumes", "serviceBinds", "terminationGracePeriodSeconds"] {
        if template[name].is_null() {
            template[name] = Value::Null;
        }
    }
    template
}

fn identity(arm: &Arm, put: &Value, resource: &str) -> Value {
    if put.is_null() {
        return json!({ "type": "None" });
    }
    identities::assigned(arm, put, resource)
}

pub fn revision(arm: &Arm, app: &App, revision: &AppRevision) -> Value {
    let view = arm.runtime.view(&runtime_id(app, &revision.name));
    let is_ready = revision.ready;
    let is_crashing =
        view.as_ref().is_some_and(|view| view.containers.iter().any(|it| it.restarts > 0));
    let (health, state) = match (revision.active, is_ready, is_crashing) {
        (false, ..) => ("None", "Stopped"),
        (true, true, false) => ("Healthy", "Running"),
        (true, _, true) => ("Unhealthy", "Degraded"),
        (true, false, false) => ("None", "Processing"),
    };
    json!({
        "id": format!("{}/revisions/{}", app.id, revision.name),
        "name": revision.name,
        "type": "Microsoft.App/containerapps/revisions",
        "properties": {
            "createdTime": revision.created,
            "fqdn": app.host_of(&revision.name),
            "template": template(&revision.template),
            "active": revision.active,
            "replicas": u8::from(revision.active),
            "trafficWeight": traffic::weight(app, &revision.name),
            "healthState": health,
            "provisioningState": if revision.active { "Provisioned" } else { "Deprovisioned" },
            "runningState": state,
        },
    })
}

/// The one replica of an active revision. `mismatch` is what the service says where its
/// program listens on another port than that of the app.
pub fn replica(
    arm: &Arm,
    app: &App,
    revision: &AppRevision,
    mismatch: Option<String>,
) -> Option<Value> {
    let view = arm.runtime.view(&runtime_id(app, &revision.name)).filter(|_| revision.active)?;
    let is_ready = revision.ready;
    let name = replica_name(revision);
    let base = format!(
        "{}.azurecontainerapps.dev{}/revisions/{}/replicas/{name}/containers",
        app.location,
        path(app),
        revision.name
    );
    let mut containers: Vec<Value> = view
        .containers
        .iter()
        .map(|container| self::container(container, is_ready, &base))
        .collect();
    if let (Some(mismatch), Some(first)) = (mismatch, containers.first_mut())
        && first["runningState"] == "Running"
    {
        first["runningStateDetails"] = mismatch.into();
    }
    Some(json!({
        "id": format!("{}/revisions/{}/replicas/{name}", app.id, revision.name),
        "name": name,
        "type": "Microsoft.App/containerapps/revisions/replicas",
        "properties": {
            "createdTime": launched(&view).map_or(json!(revision.created), |at| json!(at)),
            "runningState": if view.runs() { "Running" } else { "NotRunning" },
            "containers": containers,
        },
    }))
}

/// When the replica was started, and not its containers again: the time of its first event.
fn launched(view: &GroupView) -> Option<String> {
    let events = view.containers.iter().flat_map(|container| &container.events);
    events.map(|event| event.first).min().map(|at| at.to_string())
}

fn replica_name(revision: &AppRevision) -> String {
    format!("{}-replica", revision.name)
}

/// A reason to wait, and how the instance before ended.
fn with_end(detail: &str, previous: Option<&ContainerState>) -> String {
    match previous {
        Some(ContainerState::Terminated { exit_code, detail: end, .. }) => {
            format!("{detail}, before: {end}, exit code {exit_code}")
        }
        Some(ContainerState::Running { .. } | ContainerState::Waiting { .. }) | None => {
            detail.to_owned()
        }
    }
}

fn container(view: &ContainerView, is_ready: bool, base: &str) -> Value {
    let (state, details) = match &view.current {
        ContainerState::Running { .. } => ("Running", String::new()),
        ContainerState::Waiting { detail } => ("Waiting", with_end(detail, view.previous.as_ref())),
        ContainerState::Terminated { exit_code, detail, .. } => {
            ("Terminated", format!("{detail}, exit code {exit_code}"))
        }
    };
    let runs = state == "Running";
    json!({
        "name": view.name,
        "containerId": format!("local://{}", view.name),
        "ready": runs && is_ready,
        "started": runs,
        "restartCount": view.restarts,
        "runningState": state,
        "runningStateDetails": details,
        "logStreamEndpoint": format!("https://{base}/{}/logstream", view.name),
        "execEndpoint": format!("wss://{base}/{}/exec", view.name),
    })
}
