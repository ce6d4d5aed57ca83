//! Each operation that Microsoft describes and the local cloud simulates, asked and answered as
//! described.

use super::{Client, shell_image};
use crate::support::azure_described::{DescribedRequest, Operation, operations};
use crate::support::cloud::state;
use crate::support::cloud_process::CloudProcess;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use url::Url;

/// Operations that no client of ours and no command of `az` in our tests needs, or that are
/// refused by name.
const NOT_SIMULATED: &[(&str, &str)] = &[
    ("Location_ListCapabilities", "no graphics processors"),
    ("Runs_Update", "runs are not kept for good"),
    ("Tasks_Create", "a task builds from git"),
    ("Tasks_Delete", "a task builds from git"),
    ("Tasks_Get", "a task builds from git"),
    ("Tasks_List", "a task builds from git"),
    ("Tasks_Update", "a task builds from git"),
    ("ContainerApps_Start", "of apps, revisions are started and stopped"),
    ("ContainerApps_Stop", "of apps, revisions are started and stopped"),
    ("ContainerAppsRevisionReplicas_GetReplica", "all replicas are listed"),
    ("ManagedEnvironments_Update", "an environment has nothing to change"),
];

/// What answers have beside the description, or lack, with the reason.
const DIFFERENCES: &[(&str, &str)] = &[
    (".provisioningTimeoutInSeconds is not described", "recorded in every answer"),
    (".isCustomProvisioningTimeout is not described", "recorded in every answer"),
    ("Containers_ExecuteCommand: answer.password is a secret", "what is asked for"),
    ("ContainerApps_ListSecrets: answer.value[].value is a secret", "what is asked for"),
    ("ContainerApps_GetAuthToken: answer.properties.token is a secret", "what is asked for"),
    (".identitySettings is not described", "since 2024-08-02-preview"),
    (".runningStatus is not described", "since 2024-08-02-preview"),
    (".cooldownPeriod is not described", "since 2024-08-02-preview"),
    (".pollingInterval is not described", "since 2024-08-02-preview"),
];

/// Asks operations, and remembers which, and what of the answers is not described.
struct Conversation {
    client: Client,
    base: String,
    asked: BTreeSet<&'static str>,
    mistakes: BTreeSet<String>,
}

impl Conversation {
    /// Asks below the group of the resources, or of a whole URL. The answer must be a success,
    /// once the resource is no longer busy.
    async fn ask(&mut self, method: Method, path: &str, body: Value) -> Value {
        for _ in 0..100 {
            let (status, answer) = self.try_ask(method.clone(), path, body.clone()).await;
            if answer["error"]["code"] != "ContainerGroupTransitioning" {
                assert!(status < 400, "{path}: {status} {answer}");
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{path} stays busy");
    }

    async fn try_ask(&mut self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = if path.starts_with("https://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let parsed = Url::parse(&url).expect("a URL");
        let to = format!("{}{}", parsed.host_str().expect("a host"), parsed.path());
        let body = Some(body).filter(|body| !body.is_null());
        let text = body.as_ref().map(Value::to_string).unwrap_or_default();
        let request = DescribedRequest {
            method: method.as_str(),
            to: &to,
            query: parsed.query().unwrap_or_default(),
            body: &text,
        };
        let operation = Operation::of(request);
        let answer = self.client.ask(method.clone(), &url, body.as_ref()).await;
        if let Some(operation) = operation {
            self.asked.insert(operation.id());
            self.mistakes.extend(operation.mistakes(request));
            self.mistakes.extend(operation.answer_mistakes(answer.status, &answer.body));
        } else {
            self.mistakes.insert(format!("{to} is not described"));
        }
        (answer.status, answer.body)
    }
}

const INSTANCES: &str = "providers/Microsoft.ContainerInstance";
const REGISTRIES: &str = "providers/Microsoft.ContainerRegistry";
const APPS: &str = "providers/Microsoft.App";
const ACI: &str = "api-version=2023-05-01";
const ACR: &str = "api-version=2023-07-01";
const TASKS: &str = "api-version=2019-06-01-preview";
const APP: &str = "api-version=2024-03-01";
const VAULT: &str = "api-version=7.5";

async fn groups(talk: &mut Conversation, subscription: &str) {
    let group = format!("/{INSTANCES}/containerGroups/web");
    let body = json!({
        "location": "westeurope", "tags": { "team": "shop" },
        "properties": {
            "osType": "Linux", "restartPolicy": "OnFailure",
            "containers": [{ "name": "web", "properties": {
                "image": "demo.azurecr.io/hello:v1", "command": ["/bin/sh", "-c", "while true; do echo hello; sleep 1; done"],
                "ports": [{ "port": 8099, "protocol": "TCP" }],
                "environmentVariables": [
                    { "name": "A", "value": "b" }, { "name": "S", "secureValue": "s3cret" },
                ],
                "resources": { "requests": { "cpu": 1.0, "memoryInGB": 1.5 } },
                "livenessProbe": { "exec": { "command": ["/bin/sh", "-c", "true"] }, "periodSeconds": 60 },
            }}],
            "initContainers": [{ "name": "first", "properties": {
                "image": "demo.azurecr.io/hello:v1", "command": ["/bin/sh", "-c", "echo first"],
            }}],
            "imageRegistryCredentials": [
                { "server": "demo.azurecr.io", "username": "puller", "password": "the-password" },
            ],
            "ipAddress": {
                "type": "Public", "dnsNameLabel": "described-web",
                "ports": [{ "port": 8099, "protocol": "TCP" }],
            },
        },
    });
    talk.ask(Method::PUT, &format!("{group}?{ACI}"), body.clone()).await;
    for _ in 0..100 {
        let found = talk.ask(Method::GET, &format!("{group}?{ACI}"), Value::Null).await;
        if found["properties"]["instanceView"]["state"] == "Running" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    talk.ask(Method::PUT, &format!("{group}?{ACI}"), body).await;
    talk.ask(Method::GET, &format!("/{INSTANCES}/containerGroups?{ACI}"), Value::Null).await;
    let all = format!("{subscription}/{INSTANCES}");
    talk.ask(Method::GET, &format!("{all}/containerGroups?{ACI}"), Value::Null).await;
    talk.ask(Method::GET, &format!("{all}/locations/westeurope/usages?{ACI}"), Value::Null).await;
    talk.ask(Method::PATCH, &format!("{group}?{ACI}"), json!({ "tags": { "team": "web" } })).await;
    let logs = format!("{group}/containers/web/logs?{ACI}&tail=5&timestamps=true");
    talk.ask(Method::GET, &logs, Value::Null).await;
    let exec = json!({ "command": "/bin/sh", "terminalSize": { "rows": 24, "cols": 80 } });
    talk.ask(Method::POST, &format!("{group}/containers/web/exec?{ACI}"), exec).await;
    for action in ["restart", "stop", "start"] {
        talk.ask(Method::POST, &format!("{group}/{action}?{ACI}"), Value::Null).await;
    }
    talk.ask(Method::DELETE, &format!("{group}?{ACI}"), Value::Null).await;
    let (status, _) = talk.try_ask(Method::GET, &format!("{group}?{ACI}"), Value::Null).await;
    assert_eq!(status, 404);
}

async fn registries(talk: &mut Conversation, subscription: &str) {
    let registry = format!("/{REGISTRIES}/registries/described");
    let free = json!({ "name": "described", "type": "Microsoft.ContainerRegistry/registries" });
    let check = format!("{subscription}/{REGISTRIES}/checkNameAvailability?{ACR}");
    talk.ask(Method::POST, &check, free.clone()).await;
    let body = json!({
        "location": "westeurope", "sku": { "name": "Standard" }, "tags": {},
        "properties": { "adminUserEnabled": true },
    });
    talk.ask(Method::PUT, &format!("{registry}?{ACR}"), body).await;
    talk.ask(Method::POST, &check, free).await;
    talk.ask(Method::GET, &format!("{registry}?{ACR}"), Value::Null).await;
    talk.ask(Method::GET, &format!("/{REGISTRIES}/registries?{ACR}"), Value::Null).await;
    let all = format!("{subscription}/{REGISTRIES}/registries?{ACR}");
    talk.ask(Method::GET, &all, Value::Null).await;
    let change = json!({ "tags": { "team": "shop" }, "properties": { "adminUserEnabled": true } });
    talk.ask(Method::PATCH, &format!("{registry}?{ACR}"), change).await;
    talk.ask(Method::GET, &format!("{registry}/listUsages?{ACR}"), Value::Null).await;
    talk.ask(Method::POST, &format!("{registry}/listCredentials?{ACR}"), Value::Null).await;
    let renew = json!({ "name": "password2" });
    talk.ask(Method::POST, &format!("{registry}/regenerateCredential?{ACR}"), renew).await;
    let import = json!({
        "source": { "registryUri": "demo.azurecr.io", "sourceImage": "hello:v1",
                    "credentials": { "username": "puller", "password": "the-password" } },
        "targetTags": ["hello:v1"], "mode": "NoForce",
    });
    talk.ask(Method::POST, &format!("{registry}/importImage?{ACR}"), import).await;
    let upload = format!("{registry}/listBuildSourceUploadUrl?{TASKS}");
    let place = talk.ask(Method::POST, &upload, Value::Null).await;
    let url = place["uploadUrl"].as_str().expect("a URL");
    let put = talk.client.http.put(url).header("x-ms-blob-type", "BlockBlob").body(context());
    assert_eq!(put.send().await.expect("sent").status().as_u16(), 201);
    let build = json!({
        "type": "DockerBuildRequest", "dockerFilePath": "Dockerfile", "imageNames": ["built:v1"],
        "isPushEnabled": true, "platform": { "os": "Linux", "architecture": "amd64" },
        "sourceLocation": place["relativePath"], "timeout": 600,
    });
    let schedule = format!("{registry}/scheduleRun?{TASKS}");
    let run = talk.ask(Method::POST, &schedule, build).await;
    let run = format!("{registry}/runs/{}", run["properties"]["runId"].as_str().expect("an id"));
    for _ in 0..100 {
        let found = talk.ask(Method::GET, &format!("{run}?{TASKS}"), Value::Null).await;
        if found["properties"]["status"] == "Succeeded" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    talk.ask(Method::GET, &format!("{registry}/runs?{TASKS}"), Value::Null).await;
    talk.ask(Method::POST, &format!("{run}/listLogSasUrl?{TASKS}"), Value::Null).await;
    talk.ask(Method::POST, &format!("{run}/cancel?{TASKS}"), Value::Null).await;
    talk.ask(Method::DELETE, &format!("{registry}?{ACR}"), Value::Null).await;
}

async fn secrets(talk: &mut Conversation) {
    let vault = "https://demo.vault.azure.net";
    let secret = format!("{vault}/secrets/described");
    let body = json!({
        "value": "s3cret", "contentType": "text/plain", "tags": { "team": "shop" },
        "attributes": { "enabled": true, "exp": 4_102_444_800_u64 },
    });
    let set = talk.ask(Method::PUT, &format!("{secret}?{VAULT}"), body).await;
    let id = set["id"].as_str().expect("an id").to_owned();
    talk.ask(Method::GET, &format!("{secret}?{VAULT}"), Value::Null).await;
    talk.ask(Method::GET, &format!("{id}?{VAULT}"), Value::Null).await;
    talk.ask(Method::GET, &format!("{secret}/versions?{VAULT}&maxresults=1"), Value::Null).await;
    let change = json!({ "attributes": { "enabled": true }, "contentType": "text/html" });
    talk.ask(Method::PATCH, &format!("{id}?{VAULT}"), change).await;
    talk.ask(Method::GET, &format!("{vault}/secrets?{VAULT}&maxresults=1"), Value::Null).await;
    talk.ask(Method::DELETE, &format!("{secret}?{VAULT}"), Value::Null).await;
    let deleted = format!("{vault}/deletedsecrets");
    talk.ask(Method::GET, &format!("{deleted}?{VAULT}"), Value::Null).await;
    talk.ask(Method::GET, &format!("{deleted}/described?{VAULT}"), Value::Null).await;
    let recover = format!("{deleted}/described/recover?{VAULT}");
    talk.ask(Method::POST, &recover, Value::Null).await;
    talk.ask(Method::DELETE, &format!("{secret}?{VAULT}"), Value::Null).await;
    talk.ask(Method::DELETE, &format!("{deleted}/described?{VAULT}"), Value::Null).await;
    let (status, _) = talk.try_ask(Method::GET, &format!("{secret}?{VAULT}"), Value::Null).await;
    assert_eq!(status, 404);
}

async fn apps(talk: &mut Conversation, subscription: &str) {
    let environment = format!("/{APPS}/managedEnvironments/described");
    let body = json!({ "location": "westeurope", "properties": {} });
    let made = talk.ask(Method::PUT, &format!("{environment}?{APP}"), body).await;
    talk.ask(Method::GET, &format!("{environment}?{APP}"), Value::Null).await;
    talk.ask(Method::GET, &format!("/{APPS}/managedEnvironments?{APP}"), Value::Null).await;
    let all = format!("{subscription}/{APPS}");
    talk.ask(Method::GET, &format!("{all}/managedEnvironments?{APP}"), Value::Null).await;
    let app = format!("/{APPS}/containerApps/shop");
    let body = json!({
        "location": "westeurope", "tags": { "team": "shop" },
        "properties": {
            "environmentId": made["id"],
            "configuration": {
                "activeRevisionsMode": "Single",
                "secrets": [{ "name": "password", "value": "the-password" }],
                "registries": [{ "server": "demo.azurecr.io", "username": "puller", "passwordSecretRef": "password" }],
                "ingress": { "external": true, "targetPort": 8099, "transport": "auto" },
            },
            "template": {
                "containers": [{
                    "name": "shop", "image": "demo.azurecr.io/hello:v1",
                    "command": ["/bin/busybox"], "args": ["httpd", "-p", "8099"],
                    "resources": { "cpu": 0.5, "memory": "1Gi" },
                }],
                "scale": { "minReplicas": 1, "maxReplicas": 1 },
            },
        },
    });
    talk.ask(Method::PUT, &format!("{app}?{APP}"), body).await;
    let mut revision = String::new();
    for _ in 0..100 {
        let found = talk.ask(Method::GET, &format!("{app}?{APP}"), Value::Null).await;
        if let Some(name) = found["properties"]["latestReadyRevisionName"].as_str() {
            name.clone_into(&mut revision);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    talk.ask(Method::GET, &format!("/{APPS}/containerApps?{APP}"), Value::Null).await;
    talk.ask(Method::GET, &format!("{all}/containerApps?{APP}"), Value::Null).await;
    let change = json!({ "location": "westeurope", "tags": { "team": "web" } });
    talk.ask(Method::PATCH, &format!("{app}?{APP}"), change).await;
    for action in ["listSecrets", "getAuthtoken"] {
        talk.ask(Method::POST, &format!("{app}/{action}?{APP}"), Value::Null).await;
    }
    talk.ask(Method::GET, &format!("{app}/revisions?{APP}"), Value::Null).await;
    let revision = format!("{app}/revisions/{revision}");
    talk.ask(Method::GET, &format!("{revision}?{APP}"), Value::Null).await;
    talk.ask(Method::GET, &format!("{revision}/replicas?{APP}"), Value::Null).await;
    for action in ["restart", "deactivate", "activate"] {
        talk.ask(Method::POST, &format!("{revision}/{action}?{APP}"), Value::Null).await;
    }
    talk.ask(Method::DELETE, &format!("{app}?{APP}"), Value::Null).await;
    talk.ask(Method::DELETE, &format!("{environment}?{APP}"), Value::Null).await;
}

/// A context whose Dockerfile runs nothing.
fn context() -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let text = b"FROM scratch\nCOPY Dockerfile /\n";
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(text.len() as u64);
    tar.append_data(&mut header, "Dockerfile", &text[..]).expect("added");
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("packed")
}

/// Scope maps and tokens, of the registry that is there from the start.
async fn tokens(talk: &mut Conversation) {
    let registry = format!("/{REGISTRIES}/registries/demo");
    let map = format!("{registry}/scopeMaps/readers");
    let body = json!({ "properties": {
        "description": "reads hello", "actions": ["repositories/hello/content/read"],
    }});
    let made = talk.ask(Method::PUT, &format!("{map}?{ACR}"), body.clone()).await;
    talk.ask(Method::GET, &format!("{map}?{ACR}"), Value::Null).await;
    talk.ask(Method::PATCH, &format!("{map}?{ACR}"), body).await;
    talk.ask(Method::GET, &format!("{registry}/scopeMaps?{ACR}"), Value::Null).await;
    let token = format!("{registry}/tokens/reader");
    let body = json!({ "properties": { "scopeMapId": made["id"], "status": "enabled" } });
    let of = talk.ask(Method::PUT, &format!("{token}?{ACR}"), body).await;
    let body = json!({ "tokenId": of["id"], "expiry": "2040-01-01T00:00:00Z" });
    let generate = format!("{registry}/generateCredentials?{ACR}");
    talk.ask(Method::POST, &generate, body).await;
    talk.ask(Method::GET, &format!("{token}?{ACR}"), Value::Null).await;
    let body = json!({ "properties": { "status": "disabled" } });
    talk.ask(Method::PATCH, &format!("{token}?{ACR}"), body).await;
    talk.ask(Method::GET, &format!("{registry}/tokens?{ACR}"), Value::Null).await;
    let (status, _) = talk.try_ask(Method::DELETE, &format!("{map}?{ACR}"), Value::Null).await;
    assert_eq!(status, 409, "a token uses it");
    talk.ask(Method::DELETE, &format!("{token}?{ACR}"), Value::Null).await;
    talk.ask(Method::DELETE, &format!("{map}?{ACR}"), Value::Null).await;
}

#[test]
fn operations_are_asked_and_answered_as_described() {
    let folder = state();
    let layout = folder.path().join("image");
    shell_image(&layout);
    let cloud = CloudProcess::start(json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{
            "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
            "users": [{ "username": "puller", "password": "the-password" }],
        }],
        "seed-images": [{ "reference": "demo.azurecr.io/hello:v1", "layout": layout }],
        "vaults": [{ "host": "demo.vault.azure.net" }],
    }));
    let subscription =
        format!("https://management.azure.com/subscriptions/{}", cloud.file.subscription_id);
    let mut talk = Conversation {
        client: Client::of(cloud.file.clone()),
        base: format!("{subscription}/resourceGroups/demo"),
        asked: BTreeSet::new(),
        mistakes: BTreeSet::new(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        groups(&mut talk, &subscription).await;
        registries(&mut talk, &subscription).await;
        tokens(&mut talk).await;
        secrets(&mut talk).await;
        apps(&mut talk, &subscription).await;
    });

    let named =
        |mistake: &String| DIFFERENCES.iter().any(|(difference, _)| mistake.contains(difference));
    let unnamed: Vec<&String> = talk.mistakes.iter().filter(|it| !named(it)).collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
    let stale: Vec<_> = DIFFERENCES
        .iter()
        .filter(|(difference, _)| !talk.mistakes.iter().any(|it| it.contains(difference)))
        .collect();
    assert!(stale.is_empty(), "no longer different: {stale:#?}");
    let left_out: BTreeSet<&str> = NOT_SIMULATED.iter().map(|(id, _)| *id).collect();
    let all: BTreeSet<&str> = operations().collect();
    let expected: BTreeSet<&str> = all.difference(&left_out).copied().collect();
    assert_eq!(talk.asked.iter().copied().collect::<BTreeSet<_>>(), expected);
}
