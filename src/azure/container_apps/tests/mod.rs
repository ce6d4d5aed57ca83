//! The client against a scripted service.

use super::{
    AppId, AppIngress, AppScale, AppTarget, ContainerApps, DesiredApp, NewEnvironment, difference,
};
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::azure::registries::{PullLogin, RegistryLogin};
use crate::azure::{EnvValue, Identities, TerminalSize};
use crate::http::Retryable as _;
use crate::secret::Redactor;
use crate::value::{Applied, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error as _;

mod document;
mod labels;
mod restart;
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
