//! The client against answers that were recorded of the service, or are in its specification.

use super::{
    BuildArgument, BuiltImage, DockerBuild, RegistryTasks, RunStatus, TaskPlatform, TasksError,
};
use crate::azure::fake::{FakeAzure, ReceivedRequest, Reply, shown, token};
use crate::azure::registries::{AzureRegistries, AzureRegistry};
use crate::http::{Retry, Retryable as _};
use crate::secret::Redactor;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const REGISTRY: &str =
    "/subscriptions/s/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/demo";
const STORAGE: &str = "acrtaskprodweu1.blob.core.windows.net";
const LOG: &str = "2026/02/17 23:41:03 Launching container with name: build\nStep 1/1 : FROM scratch\nRun ID: ch1 was successful after 2s\n";

/// A registry, with an answer for everything else.
async fn fake(
    mode: &'static str,
    answer: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static,
) -> (FakeAzure, RegistryTasks, AzureRegistry) {
    let fake = FakeAzure::start(move |request| {
        if request.to.ends_with("/oauth2/v2.0/token") {
            return token();
        }
        if request.to.ends_with("/registries") {
            let properties =
                json!({ "loginServer": "demo.azurecr.io", "roleAssignmentMode": mode });
            let list = json!({ "value": [{ "id": REGISTRY, "properties": properties }] });
            return Reply::json(200, &list);
        }
        answer(request)
    })
    .await;
    let registries = AzureRegistries::new(fake.arm(), Redactor::default());
    let found = registries.find("s", "demo.azurecr.io").await.expect("an answer");
    let tasks = RegistryTasks::new(fake.arm());
    (fake, tasks, found.expect("a registry"))
}

fn build() -> DockerBuild {
    let secret = Redactor::default().adopt("secrets.npm", "hunter22".into());
    DockerBuild {
        image: "web:shipway-1".into(),
        dockerfile: "Dockerfile".into(),
        target: Some("release".into()),
        arguments: vec![
            BuildArgument::Plain { name: "VERSION".into(), value: "1".into() },
            BuildArgument::Secret { name: "NPM".into(), value: secret },
        ],
        platform: TaskPlatform::of("linux", "arm64", Some("v8")).expect("known"),
        timeout: Duration::from_mins(1),
    }
}

fn place() -> Reply {
    Reply::json(
        200,
        &json!({
            "relativePath": "tasks-source/202602170000/0123.tar.gz",
            "uploadUrl": format!("https://{STORAGE}/c/0123.tar.gz?sp=cw&sig=signed"),
        }),
    )
}

fn run(status: &str) -> Value {
    json!({
        "name": "ch1",
        "properties": { "runId": "ch1", "status": status, "provisioningState": "Succeeded" },
    })
}

/// A log as the service has it: not there at first, then a part, then all of it.
fn log(request: &ReceivedRequest, asked: &AtomicUsize) -> Reply {
    let text = |end: usize| Reply::html(200, &LOG[..end]).with("x-ms-blob-type", "AppendBlob");
    if request.method == "HEAD" {
        return match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::html(404, "").with("x-ms-error-code", "BlobNotFound"),
            1 => text(70),
            _ => text(LOG.len()).with("x-ms-meta-complete", "Succeeded"),
        };
    }
    let range = request.headers["range"].strip_prefix("bytes=").expect("bytes").to_owned();
    let (first, last) = range.split_once('-').expect("a range");
    let (first, last): (usize, usize) = (first.parse().expect("it"), last.parse().expect("it"));
    Reply::html(206, &LOG[first..=last])
}

#[tokio::test]
async fn a_build_takes_the_requests_of_the_specification() {
    let (asked, polls) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (fake, tasks, registry) = fake("LegacyRegistryPermissions", move |request| {
        let Some((_, last)) = request.to.rsplit_once('/') else { return Reply::new(400, "{}") };
        match (request.method.as_str(), last) {
            ("POST", "listBuildSourceUploadUrl") => place(),
            ("PUT", "0123.tar.gz") => Reply::html(201, ""),
            ("POST", "scheduleRun") => Reply::json(200, &run("Queued")),
            ("POST", "listLogSasUrl") => {
                let link = format!("https://{STORAGE}/c/logs/ch1/rawtext.log?sp=r&sig=signed");
                Reply::json(200, &json!({ "logLink": link }))
            }
            (_, "rawtext.log") => log(request, &asked),
            // The record lags behind the log.
            ("GET", "ch1") if polls.fetch_add(1, Ordering::Relaxed) == 0 => {
                Reply::json(200, &run("Running"))
            }
            ("GET", "ch1") => {
                let mut done = run("Succeeded");
                done["properties"]["outputImages"] = json!([{
                    "registry": "demo.azurecr.io", "repository": "web", "tag": "shipway-1",
                    "digest": "sha256:00",
                }]);
                Reply::json(200, &done)
            }
            _ => Reply::new(400, "{}"),
        }
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let context = folder.path().join("context.tar.gz");
    std::fs::write(&context, "packed").expect("written");

    let place = tasks.source_place(&registry).await.expect("a place");
    tasks.upload(&context, &place).await.expect("uploaded");
    let id = tasks.schedule(&registry, &place, &build()).await.expect("a run");
    let lines = Mutex::new(Vec::new());
    let line = async |line: String| lines.lock().expect("no panic").push(line);
    let followed = tasks.follow(&registry, &id, line).await.expect("followed");

    assert_eq!(lines.into_inner().expect("no panic"), LOG.lines().collect::<Vec<_>>());
    assert!(followed.without_log.is_none());
    assert_eq!(followed.run.status, RunStatus::Succeeded);
    let image = BuiltImage {
        repository: "web".into(),
        tag: "shipway-1".into(),
        digest: "sha256:00".into(),
    };
    assert_eq!(followed.run.images, [image]);
    let sent = fake.requests();
    let one = |end: &str| sent.iter().find(|it| it.to.ends_with(end)).expect("sent").clone();
    let put = one("0123.tar.gz");
    assert_eq!((put.body.as_str(), put.query.as_str()), ("packed", "sp=cw&sig=signed"));
    assert_eq!(put.headers["x-ms-blob-type"], "BlockBlob");
    assert_eq!(put.headers["content-length"], "6");
    assert!(!put.headers.contains_key("authorization"), "the URL itself lets in");
    let schedule = one("scheduleRun");
    assert_eq!(schedule.query, "api-version=2019-06-01-preview");
    assert_eq!(
        serde_json::from_str::<Value>(&schedule.body).expect("JSON"),
        json!({
            "type": "DockerBuildRequest",
            "imageNames": ["web:shipway-1"],
            "isPushEnabled": true,
            "dockerFilePath": "Dockerfile",
            "target": "release",
            "arguments": [
                { "name": "VERSION", "value": "1" },
                { "name": "NPM", "value": "hunter22", "isSecret": true },
            ],
            "platform": { "os": "Linux", "architecture": "arm64", "variant": "v8" },
            "sourceLocation": "tasks-source/202602170000/0123.tar.gz",
            "timeout": 300,
        })
    );
    assert!(!format!("{place:?}").contains("signed"), "{place:?}");
}

#[tokio::test]
async fn registry_with_roles_for_repositories_is_asked_as_the_caller() {
    let (fake, tasks, registry) = fake("AbacRepositoryPermissions", |request| {
        if request.to.ends_with("listBuildSourceUploadUrl") {
            return place();
        }
        Reply::json(200, &run("Queued"))
    })
    .await;
    let place = tasks.source_place(&registry).await.expect("a place");
    tasks.schedule(&registry, &place, &build()).await.expect("a run");

    let sent = fake.requests().pop().expect("sent");
    assert_eq!(sent.query, "api-version=2025-03-01-preview");
    let body: Value = serde_json::from_str(&sent.body).expect("JSON");
    assert_eq!(body["credentials"], json!({ "sourceRegistry": { "identity": "[caller]" } }));
}

#[tokio::test]
async fn a_subscription_without_tasks_is_told_its_way_out() {
    let refused = r#"{"error":{"code":"TasksOperationsNotAllowed","message":"ACR Tasks requests for the registry demo and 0000 are not permitted."}}"#;
    let (_fake, tasks, registry) = fake("", move |_| Reply::new(403, refused)).await;

    let error = tasks.source_place(&registry).await.expect_err("refused");
    assert_eq!(error.retry(), Retry::Never);
    assert_eq!(
        shown(&error),
        "cannot prepare a build in `demo.azurecr.io`\n  management.azure.com answered 403 \
         `TasksOperationsNotAllowed`: ACR Tasks requests for the registry demo and 0000 are not \
         permitted\nhelp: Azure allows no ACR Tasks in this subscription, as in free and \
         sponsored ones, whatever the roles; build with docker, podman or buildah: `using: auto`"
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_read_fails_no_build() {
    let (_fake, tasks, registry) = fake("", |request| match request.to.rsplit_once('/') {
        Some((_, "listLogSasUrl")) => Reply::new(200, "{}"),
        _ => Reply::json(200, &run("Failed")),
    })
    .await;
    let followed = tasks.follow(&registry, "ch1", async |_| ()).await.expect("followed");

    assert_eq!(followed.run.status, RunStatus::Failed);
    let why = followed.without_log.expect("a reason");
    assert_eq!(why.to_string(), "Azure has no log of the run `ch1`");
}

#[tokio::test]
async fn a_link_that_has_expired_is_asked_for_again() {
    let links = AtomicUsize::new(0);
    let asked = AtomicUsize::new(2);
    let (_fake, tasks, registry) = fake("", move |request| match request.to.rsplit_once('/') {
        Some((_, "listLogSasUrl")) => {
            let link = format!(
                "https://{STORAGE}/rawtext.log?sig={}",
                links.fetch_add(1, Ordering::Relaxed)
            );
            Reply::json(200, &json!({ "logLink": link }))
        }
        Some((_, "rawtext.log")) if request.query == "sig=0" => Reply::html(403, ""),
        Some((_, "rawtext.log")) => log(request, &asked),
        _ => Reply::json(200, &run("Succeeded")),
    })
    .await;
    let count = AtomicUsize::new(0);
    let line = async |_| {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let followed = tasks.follow(&registry, "ch1", line).await.expect("followed");

    assert!(followed.without_log.is_none());
    assert_eq!(count.into_inner(), LOG.lines().count());
}

#[tokio::test]
async fn a_run_is_cancelled() {
    let (fake, tasks, registry) = fake("", |_| Reply::new(202, "")).await;
    tasks.cancel(&registry, "ch1").await.expect("cancelled");

    let sent = fake.requests().pop().expect("sent");
    assert_eq!(sent.to, format!("management.azure.com{REGISTRY}/runs/ch1/cancel"));
    assert_eq!(sent.method, "POST");
}

#[tokio::test]
async fn an_upload_that_is_refused_names_its_host_and_no_signature() {
    let (_fake, tasks, registry) = fake("", |request| {
        if request.method == "PUT" { Reply::html(403, "AuthorizationFailure") } else { place() }
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let context = folder.path().join("context.tar.gz");
    std::fs::write(&context, "packed").expect("written");
    let place = tasks.source_place(&registry).await.expect("a place");

    let error = tasks.upload(&context, &place).await.expect_err("refused");
    assert!(matches!(error, TasksError::Upload { .. }));
    assert_eq!(
        shown(&error),
        format!(
            "cannot upload the build context\n  PUT https://{STORAGE}/c/0123.tar.gz: 403: \
             AuthorizationFailure\nhelp: this machine has to reach `{STORAGE}`"
        )
    );
}

#[test]
fn platforms_are_those_of_the_service() {
    let of = TaskPlatform::of;
    assert!(of("linux", "amd64", None).is_some() && of("windows", "amd64", None).is_some());
    assert_eq!(of("linux", "s390x", None), None);
    assert_eq!(of("freebsd", "amd64", None), None);
}
