//! The client against a scripted service.

use super::{
    App, AppId, AppIngress, AppScale, AppTarget, ContainerApps, DesiredApp, NewEnvironment,
    PreviousApp, difference, is_as_deployed,
};
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::azure::registries::{PullLogin, RegistryLogin};
use crate::azure::{EnvValue, Identities, TerminalSize};
use crate::http::Retryable as _;
use crate::secret::Redactor;
use crate::value::{Applied, Change, OutsideChanges, PropertyValue, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error as _;

mod labels;
mod staged;

const APP: &str = "/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/containerApps/web";
const HOST: &str = "management.azure.com";

fn id() -> AppId {
    AppId::parse(APP).expect("an id")
}

fn whole() -> AppTarget {
    AppTarget::parse(APP).expect("an id")
}

fn desired() -> DesiredApp {
    let secret = Redactor::default().adopt("secrets.token", "t0ken-value".to_owned());
    let mut desired = DesiredApp {
        id: id(),
        environment:
            "/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/managedEnvironments/shop"
                .to_owned(),
        location: "westeurope".to_owned(),
        image: "demo.azurecr.io/web@sha256:1".to_owned(),
        cpu: 0.5,
        command: Vec::new(),
        arguments: Vec::new(),
        env: vec![
            ("LOG".to_owned(), EnvValue::Plain("info".to_owned())),
            ("API_TOKEN".to_owned(), EnvValue::Secret(secret)),
        ],
        vault: Vec::new(),
        ingress: Some(AppIngress { external: true, target_port: 80, transport: "auto" }),
        probes: Vec::new(),
        scale: AppScale { min: 1, max: 3, concurrent_requests: None },
        identities: Identities::default(),
        registries: vec![RegistryLogin {
            server: "demo.azurecr.io".to_owned(),
            login: PullLogin::Identity("/ids/pull".to_owned()),
        }],
        tags: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        revision_suffix: "r1".to_owned(),
        existing_revision: None,
        label: None,
    };
    desired.add_fingerprint();
    desired
}

#[test]
fn documents_of_any_shape_are_read() {
    for document in [
        json!([]),
        json!("app"),
        json!({ "properties": { "configuration": [], "template": "a" } }),
        json!({ "properties": { "template": { "containers": [1, { "env": ["a"] }] } } }),
    ] {
        let previous = PreviousApp::of(&App::of(document), str::is_empty);
        let body = previous.body(&BTreeMap::new(), "r2");
        assert_eq!(body["properties"]["template"]["revisionSuffix"], "r2");
    }
}

/// The app as Azure reports it once it was put.
fn live(desired: &DesiredApp) -> Value {
    let mut live = desired.body();
    live["id"] = APP.into();
    live["name"] = "web".into();
    live["location"] = "West Europe".into();
    let properties = &mut live["properties"];
    properties["provisioningState"] = "Succeeded".into();
    properties["latestRevisionName"] = "web--r1".into();
    properties["latestReadyRevisionName"] = "web--r1".into();
    properties["eventStreamEndpoint"] = "https://westeurope.azurecontainerapps.dev/x".into();
    let configuration = &mut properties["configuration"];
    configuration["ingress"]["fqdn"] = "web.happy-1234.westeurope.azurecontainerapps.io".into();
    configuration["ingress"]["transport"] = "Auto".into();
    configuration["dapr"] = Value::Null;
    for secret in configuration["secrets"].as_array_mut().into_iter().flatten() {
        secret.as_object_mut().expect("an object").remove("value");
    }
    live
}

async fn client(script: Vec<(&str, Vec<Reply>)>) -> (FakeAzure, ContainerApps) {
    let script: Vec<(String, Vec<Reply>)> = script
        .into_iter()
        .map(|(request, replies)| {
            let (method, path) = request.split_once(' ').expect("a method and a path");
            (format!("{method} {HOST}{path}"), replies)
        })
        .collect();
    let script = script.iter().map(|(request, replies)| (request.as_str(), replies.clone()));
    let fake = FakeAzure::script(script.collect()).await;
    let apps = ContainerApps::new(fake.arm());
    (fake, apps)
}

#[test]
fn body_has_secrets_by_reference_and_the_identity_that_pulls() {
    let mut body = desired().body();
    assert!(body["tags"].as_object_mut().expect("tags").remove("shipway-body").is_some());
    assert_eq!(
        body,
        json!({
            "location": "westeurope",
            "tags": { "team": "web" },
            "properties": {
                "environmentId": "/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/managedEnvironments/shop",
                "configuration": {
                    "activeRevisionsMode": "Single",
                    "ingress": {
                        "external": true, "targetPort": 80, "transport": "auto",
                        "allowInsecure": false,
                        "traffic": [{ "latestRevision": true, "weight": 100 }],
                    },
                    "secrets": [{ "name": "api-token", "value": "t0ken-value" }],
                    "registries": [{ "server": "demo.azurecr.io", "identity": "/ids/pull" }],
                },
                "template": {
                    "revisionSuffix": "r1",
                    "containers": [{
                        "name": "web", "image": "demo.azurecr.io/web@sha256:1",
                        "env": [
                            { "name": "LOG", "value": "info" },
                            { "name": "API_TOKEN", "secretRef": "api-token" },
                        ],
                        "resources": { "cpu": 0.5, "memory": "1Gi" },
                    }],
                    "scale": { "minReplicas": 1, "maxReplicas": 3 },
                },
            },
            "identity": { "type": "UserAssigned", "userAssignedIdentities": { "/ids/pull": {} } },
        })
    );
}

#[test]
fn app_that_was_put_does_not_differ_and_its_secrets_are_sent_again() {
    let desired = desired();
    let app = serde_json::from_value(live(&desired)).expect("an app");
    let found = difference(Some(&app), &desired);
    assert_eq!(found.changes, []);
    assert_eq!(found.verdict, Verdict::Resend);
    assert_eq!(found.secure.len(), 1);
    assert_eq!(found.secure[0].path, "env.API_TOKEN");
    assert_eq!(found.secure[0].source.as_deref(), Some("secrets.token"));
    assert_eq!(found.outside, OutsideChanges::None);
    assert_eq!(is_as_deployed(&app), Some(true));
}

fn shown_change(change: &Change) -> String {
    let before = change.before.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}: {before} -> {:?}", change.path, change.after)
}

#[test]
fn app_whose_requests_are_shared_is_updated() {
    let desired = desired();
    let mut document = live(&desired);
    let configuration = &mut document["properties"]["configuration"];
    configuration["activeRevisionsMode"] = "Multiple".into();
    configuration["ingress"]["traffic"] = json!([
        { "latestRevision": true, "weight": 20 },
        { "revisionName": "web--old", "weight": 80 },
    ]);
    let app = serde_json::from_value(document).expect("an app");

    let found = difference(Some(&app), &desired);

    assert_eq!(found.verdict, Verdict::Update);
    assert_eq!(found.outside, OutsideChanges::Located);
    assert_eq!(
        found.changes.iter().map(shown_change).collect::<Vec<_>>(),
        ["ingress.traffic: the newest: 20%, web--old: 80% -> None"]
    );
    assert_eq!(is_as_deployed(&app), Some(false));
}

#[test]
fn each_change_has_the_name_of_its_key() {
    let before = desired();
    let app = serde_json::from_value(live(&before)).expect("an app");
    let mut after = desired();
    after.image = "demo.azurecr.io/web@sha256:2".to_owned();
    after.cpu = 1.0;
    after.env[0].1 = EnvValue::Plain("debug".to_owned());
    after.ingress = Some(AppIngress { external: false, target_port: 8080, transport: "http2" });
    after.scale.concurrent_requests = Some(20);
    let found = difference(Some(&app), &after);
    assert_eq!(found.verdict, Verdict::Update);
    let side = |value: &Option<PropertyValue>| {
        value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
    };
    let lines: Vec<String> = found
        .changes
        .iter()
        .map(|it| format!("{}: {} -> {}", it.path, side(&it.before), side(&it.after)))
        .collect();
    assert_eq!(
        lines,
        [
            "cpu: 0.5 -> 1.0",
            "env.LOG: info -> debug",
            "image: demo.azurecr.io/web@sha256:1 -> demo.azurecr.io/web@sha256:2",
            "ingress.external: true -> false",
            "ingress.target-port: 80 -> 8080",
            "ingress.transport: auto -> http2",
            "memory: 1Gi -> 2Gi",
            "scale.concurrent-requests: none -> 20",
        ]
    );
}

#[tokio::test]
async fn app_in_another_environment_is_refused_before_a_request() {
    let before = desired();
    let app = serde_json::from_value(live(&before)).expect("an app");
    let mut after = desired();
    after.environment = after.environment.replace("shop", "other");
    assert_eq!(difference(Some(&app), &after).verdict, Verdict::Refuse);
    let (fake, apps) = client(Vec::new()).await;
    let error = apps.apply(&after, Some(&app), &|_| {}).await.expect_err("it is refused");
    let of = "/subscriptions/s/resourcegroups/demo/providers/microsoft.app/managedenvironments";
    assert_eq!(
        error.to_string(),
        format!(
            "cannot deploy app `web`: Azure does not change `environment` from {of}/shop to \
             {of}/other; delete the app, or give it another name"
        )
    );
    assert_eq!(fake.log(), "");
}

#[tokio::test]
async fn app_is_ready_once_its_newest_revision_gets_the_requests() {
    let desired = desired();
    let mut old = live(&desired);
    old["properties"]["latestReadyRevisionName"] = "web--r0".into();
    let revision = json!({ "properties": { "healthState": "None", "runningState": "Processing" } });
    let replicas = json!({ "value": [{ "name": "a", "properties": { "containers": [
        { "name": "web", "ready": false, "restartCount": 0, "runningState": "Waiting" } ] } }] });
    let (_fake, apps) = client(vec![
        (&format!("PUT {APP}"), vec![Reply::json(200, &old)]),
        (&format!("GET {APP}"), vec![Reply::json(200, &old), Reply::json(200, &live(&desired))]),
        (&format!("GET {APP}/revisions/web--r1"), vec![Reply::json(200, &revision)]),
        (&format!("GET {APP}/revisions/web--r1/replicas"), vec![Reply::json(200, &replicas)]),
    ])
    .await;
    assert_eq!(apps.apply(&desired, None, &|_| {}).await.expect("put"), Applied::Accepted);
    let said = std::sync::Mutex::new(Vec::new());
    let events = |event: super::AppEvent| said.lock().expect("no panic").push(event.to_string());
    let app = apps.watch(&id(), &events).await.expect("ready");
    assert_eq!(
        app.url().as_deref(),
        Some("https://web.happy-1234.westeurope.azurecontainerapps.io")
    );
    assert_eq!(
        *said.lock().expect("no panic"),
        ["waiting for revision `web--r1` to be ready: container `web`: Waiting"]
    );
}

#[tokio::test]
async fn revision_that_crashes_is_told_with_its_log() {
    let desired = desired();
    let mut old = live(&desired);
    old["properties"]["latestReadyRevisionName"] = "web--r0".into();
    let revision = json!({ "properties": {
        "healthState": "Unhealthy", "runningState": "Degraded", "provisioningState": "Provisioned" } });
    let stream = "https://westeurope.azurecontainerapps.dev/logs/web";
    let replicas = json!({ "value": [{ "name": "a", "properties": { "containers": [{
        "name": "web", "ready": false, "restartCount": 3, "runningState": "Waiting",
        "runningStateDetails": "CrashLoopBackOff", "logStreamEndpoint": stream }] } }] });
    let log = "{\"TimeStamp\":\"2026-11-20T10:00:00Z\",\"Log\":\"no database\"}\n";
    let token = json!({ "properties": { "token": "t", "expires": "2026-11-20T11:00:00Z" } });
    let fake = FakeAzure::script(vec![
        (&format!("GET {HOST}{APP}"), vec![Reply::json(200, &old)]),
        (&format!("GET {HOST}{APP}/revisions/web--r1"), vec![Reply::json(200, &revision)]),
        (&format!("GET {HOST}{APP}/revisions/web--r1/replicas"), vec![Reply::json(200, &replicas)]),
        (&format!("POST {HOST}{APP}/getAuthToken"), vec![Reply::json(200, &token)]),
        ("GET westeurope.azurecontainerapps.dev/logs/web", vec![Reply::new(200, log)]),
    ])
    .await;
    let apps = ContainerApps::new(fake.arm());
    let error = apps.watch(&id(), &|_| {}).await.expect_err("it crashes");
    assert_eq!(
        format!("{error}\n{}", error.source().expect("the evidence")),
        "cannot start app `web`: revision `web--r1` does not run: container `web`: Waiting, \
         CrashLoopBackOff, 3 restarts\n\
         app `web`: Succeeded, newest revision `web--r1`, ready `web--r0`\n\
         revision: provisioning Provisioned, health Unhealthy, state Degraded\n\
         container `web`: Waiting, CrashLoopBackOff, 3 restarts\n\
         its last lines:\n  2026-11-20T10:00:00Z no database"
    );
    assert_eq!(error.help().as_deref(), Some("its last lines say why; `shipway logs` shows more"));
}

#[tokio::test]
async fn tokens_go_to_the_host_of_the_app_alone() {
    let desired = desired();
    let replicas = json!({ "value": [{ "name": "a", "properties": { "containers": [{
        "name": "web", "logStreamEndpoint": "https://elsewhere.example/logs" }] } }] });
    let (fake, apps) = client(vec![
        (&format!("GET {APP}"), vec![Reply::json(200, &live(&desired))]),
        (&format!("GET {APP}/revisions/web--r1/replicas"), vec![Reply::json(200, &replicas)]),
    ])
    .await;
    let error = apps.timed_log(&whole(), "web", None).await.expect_err("another host");
    assert_eq!(
        error.to_string(),
        "cannot read the log of app `web`: Azure names another host for it than for its events"
    );
    assert_eq!(error.help(), None);
    assert!(!fake.log().contains("elsewhere"), "{}", fake.log());
}

#[tokio::test]
async fn program_is_not_started_in_an_app_that_does_not_exist() {
    let (_, apps) = client(vec![(&format!("GET {APP}"), vec![Reply::new(404, "{}")])]).await;
    let size = TerminalSize { columns: 80, rows: 24 };
    let error = apps.exec(&whole(), "web", "sh", size).await.expect_err("no app");
    assert_eq!(
        shown(&error),
        "cannot start a program in app `web`: it does not exist\n\
         help: deploy it first, with `shipway run`"
    );
}

#[tokio::test]
async fn environment_that_ends_failed_says_why() {
    const ENVIRONMENT: &str =
        "/subscriptions/s/resourceGroups/demo/providers/Microsoft.App/managedEnvironments/shop";
    let failed = json!({ "properties": {
        "provisioningState": "Failed", "deploymentErrors": "the subnet is too small" } });
    let (_, apps) = client(vec![
        (&format!("PUT {ENVIRONMENT}"), vec![Reply::json(201, &failed)]),
        (&format!("GET {ENVIRONMENT}"), vec![Reply::json(200, &failed)]),
    ])
    .await;
    let new = NewEnvironment {
        subscription: "s",
        resource_group: "demo",
        name: "shop",
        location: "westeurope",
    };
    let error = apps.create_environment(&new, |_| {}).await.expect_err("it failed");
    assert_eq!(
        shown(&error),
        "cannot create the environment `shop` of apps: it is `Failed`: the subnet is too small\n\
         help: remove it before it is created again, in the portal or with `az containerapp env \
         delete --name shop`"
    );
}

#[tokio::test]
async fn tags_that_go_are_set_to_null() {
    let (fake, apps) = client(vec![(&format!("PATCH {APP}"), vec![Reply::new(200, "{}")])]).await;
    let tags = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let (before, after) = (tags(&[("lease", "x"), ("team", "web")]), tags(&[("team", "shop")]));
    apps.set_tags(&id(), &before, &after).await.expect("set");
    let sent = fake.requests().into_iter().find(|it| it.method == "PATCH").expect("a request");
    assert_eq!(sent.body, r#"{"tags":{"lease":null,"team":"shop"}}"#);
}

#[test]
fn version_is_put_back_with_the_secrets_that_the_plan_has() {
    let desired = desired();
    let mut live = live(&desired);
    live["properties"]["template"]["containers"][0]["env"]
        .as_array_mut()
        .expect("a list")
        .push(json!({ "name": "PLAIN", "value": "s3cret-in-plain" }));
    let found = PreviousApp::of(&App::of(live.clone()), |text| text == "s3cret-in-plain");
    let text = serde_json::to_string(&found).expect("JSON");
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(found.image(), Some("demo.azurecr.io/web@sha256:1"));
    let variables: Vec<String> = found.secure_variables().into_iter().collect();
    assert_eq!(variables, ["API_TOKEN", "PLAIN"]);
    let secret = |text: &str| Redactor::default().adopt("secrets.x", text.to_owned());
    let mut known = BTreeMap::from([("api-token".to_owned(), secret("t0ken-value"))]);
    assert_eq!(found.missing(&known), ["plain"]);
    known.insert("plain".to_owned(), secret("s3cret-in-plain"));
    let body = found.body(&known, "b1");
    assert_eq!(body["properties"]["template"]["revisionSuffix"], "b1");
    assert_eq!(
        body["properties"]["configuration"]["secrets"],
        json!([
            { "name": "api-token", "value": "t0ken-value" },
            { "name": "plain", "value": "s3cret-in-plain" },
        ])
    );
    assert_eq!(body["properties"]["configuration"]["ingress"].get("fqdn"), None);
    // Two reads of the same app give the same version.
    let of = |live: &Value| PreviousApp::of(&App::of(live.clone()), |_| false);
    assert_eq!(of(&live), of(&live));
}
