//! The recordings of `tests/fixtures/azure`, replayed request by request: the local cloud answers
//! with the same status and the same body, but for the fields that are named here.

use super::{Answer, Client, shell_image};
use crate::support::cloud::state;
use crate::support::cloud_process::CloudProcess;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";

/// Fields whose values are others each time, as they are in two recordings: times, addresses,
/// passwords, which were replaced by `REDACTED`. They must be there.
const VALUES: &[&str] = &[
    ".startTime",
    ".currentState.startTime",
    ".currentState.finishTime",
    ".creationDate",
    ".lastUpdatedTime",
    ".systemData.createdAt",
    ".systemData.createdBy",
    ".systemData.lastModifiedAt",
    ".systemData.lastModifiedBy",
    ".ipAddress.ip",
    ".password",
    ".passwords[].value",
    ".webSocketUri",
    ".attributes.created",
    ".attributes.updated",
    ".deletedDate",
    ".scheduledPurgeDate",
    ".nextLink",
];

/// Other fields that differ, each with the reason.
const FIELDS: &[(&str, &str)] = &[
    (".systemData.createdByType", "the recordings are of a person, here is an application"),
    (".systemData.lastModifiedByType", "the recordings are of a person"),
    (".instanceView.events", "of 2023 the containers had none; today the service shows them"),
    (".status", "an operation is not pending once more: az waits half a minute for each time"),
    (".content", "the log of a container that has run for a shorter time"),
    ("/resources .value", "the recorded subscription has registries of others"),
    ("/backup .value", "Azure's is encrypted with a key of its own"),
];

struct Replay {
    client: Client,
    /// The recorded URLs of operations and of next pages, and ours.
    links: HashMap<String, String>,
    /// Recorded versions of secrets and backups, and ours in their place.
    names: HashMap<String, String>,
    differences: BTreeSet<String>,
}

/// The principal of the recordings of vaults.
const PRINCIPAL: &str = "6b30bdc6-696a-46fb-82d7-739c2fb147b7";

fn recording(name: &str, principal: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/azure").join(name);
    let text = std::fs::read_to_string(path).expect("a recording");
    serde_json::from_str(&text.replace(PRINCIPAL, principal)).expect("JSON")
}

/// Whom an access token is for.
fn object_id(token: &str) -> String {
    let claims = token.split('.').nth(1).expect("claims");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["oid"].as_str().expect("an id").to_owned()
}

/// A cloud as the recordings have found theirs.
fn world(folder: &Path) -> Value {
    let layout = folder.join("image");
    shell_image(&layout);
    let seed = |reference: &str| json!({ "reference": reference, "layout": layout });
    let group = |name: &str| json!({ "name": name, "location": "westus" });
    json!({
        "subscription-id": SUBSCRIPTION, "tenant-id": TENANT,
        "resource-groups": [
            group("clitest.rg000001"), group("cli_test_keyvault_secret000001"), group("others"),
        ],
        "registries": [{
            "host": "clitestregistry1.azurecr.io", "name": "clitestregistry1",
            "resource-group": "others",
            "users": [{ "username": "clitestregistry1", "password": "REDACTED" }],
        }],
        "seed-images": [
            seed("alpine:latest"), seed("clitestregistry1.azurecr.io/nginx:latest"),
        ],
    })
}

impl Replay {
    async fn exchange(&mut self, exchange: &Value) {
        let method: Method = exchange["method"].as_str().expect("text").parse().expect("a method");
        let recorded = exchange["url"].as_str().expect("text");
        let request = Some(self.ours(&exchange["request"])).filter(|body| !body.is_null());
        let request = request.as_ref();
        let status = exchange["status"].as_u64().expect("a status");
        let line = format!("{method} {}", route(recorded));
        let url = self.links.get(recorded).cloned().unwrap_or_else(|| recorded.to_owned());
        let url = self.ours(&json!(url)).as_str().expect("text").to_owned();
        let answer = if status == 401 {
            self.client.send(method, &url, request, None).await
        } else {
            self.settled(method, &url, request, &exchange["response"]).await
        };
        if u64::from(answer.status) != status {
            let text = format!("{line}: {} and not {status}: {}", answer.status, answer.body);
            self.differences.insert(text);
            return;
        }
        let told = exchange["headers"]["azure-asyncoperation"].as_str();
        match (told, &answer.operation) {
            (None, None) => {}
            (Some(recorded), Some(ours)) => {
                self.links.insert(recorded.to_owned(), ours.clone());
            }
            (Some(_), None) => drop(self.differences.insert(format!("{line}: no operation"))),
            (None, Some(_)) => drop(self.differences.insert(format!("{line}: an operation"))),
        }
        let next = |body: &Value| body["nextLink"].as_str().map(str::to_owned);
        if let (Some(recorded), Some(ours)) = (next(&exchange["response"]), next(&answer.body)) {
            self.links.insert(recorded.replace(":443", ""), ours);
        }
        self.learn(&exchange["response"], &answer.body);
        let recorded = self.ours(&exchange["response"]);
        self.compare(&line, "", &recorded, &answer.body);
    }

    /// Remembers the version of a secret, and a backup.
    fn learn(&mut self, recorded: &Value, ours: &Value) {
        let last = |value: &Value| {
            let last = value.as_str()?.rsplit('/').next()?;
            (last.len() > 30).then(|| last.to_owned())
        };
        for name in ["id", "value"] {
            if let (Some(recorded), Some(ours)) = (last(&recorded[name]), last(&ours[name])) {
                self.names.entry(recorded).or_insert(ours);
            }
        }
    }

    /// A value with our names.
    fn ours(&self, value: &Value) -> Value {
        let replaced = |text: String, (recorded, ours): (&String, &String)| {
            text.replace(recorded.as_str(), ours)
        };
        let text = self.names.iter().fold(value.to_string(), replaced);
        serde_json::from_str(&text).expect("JSON")
    }

    /// The answer, once what is asked of has the recorded state: a container takes its time.
    async fn settled(
        &mut self,
        method: Method,
        url: &str,
        request: Option<&Value>,
        recorded: &Value,
    ) -> Answer {
        let state = |body: &Value| body["properties"]["instanceView"]["state"].clone();
        for _ in 0..100 {
            let answer = self.client.ask(method.clone(), url, request).await;
            let is_read = method == Method::GET && answer.status == 200;
            if !is_read || state(&answer.body) == state(recorded) {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{url} does not become {}", state(recorded));
    }

    fn compare(&mut self, line: &str, at: &str, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                let names: BTreeSet<&String> = recorded.keys().chain(ours.keys()).collect();
                for name in names {
                    let (one, other) = (recorded.get(name), ours.get(name));
                    let at = format!("{at}.{name}");
                    match (one, other) {
                        (Some(one), Some(other)) => self.compare(line, &at, one, other),
                        (Some(one), None) => self.differ(line, &at, &format!("lacks {one}")),
                        (None, Some(other)) => self.differ(line, &at, &format!("has {other}")),
                        (None, None) => {}
                    }
                }
            }
            (Value::Array(recorded), Value::Array(ours)) if recorded.len() == ours.len() => {
                for (one, other) in recorded.iter().zip(ours) {
                    self.compare(line, &format!("{at}[]"), one, other);
                }
            }
            (one, other) if one == other => {}
            (_, other) if !other.is_null() && VALUES.iter().any(|end| at.ends_with(end)) => {}
            (one, other) => self.differ(line, at, &format!("is {other} and not {one}")),
        }
    }

    fn differ(&mut self, line: &str, at: &str, how: &str) {
        let place = format!("{line} {at}");
        if !FIELDS.iter().any(|(field, _)| place.ends_with(field)) {
            self.differences.insert(format!("{place}: {how}"));
        }
    }
}

/// The path of a URL below the provider, or of a vault.
fn route(url: &str) -> String {
    let url = url::Url::parse(url).expect("a URL");
    let path = url.path();
    path.rsplit_once("/providers/").map_or(path, |(_, rest)| rest).trim_end_matches('/').to_owned()
}

fn replay(name: &str) {
    let folder = state();
    let cloud = CloudProcess::start(world(folder.path()));
    let client = Client::of(cloud.file.clone());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(replay_with(client, name));
}

async fn replay_with(mut client: Client, name: &str) {
    // The recorded principal is ours here.
    let token = client.token("https://management.azure.com").await;
    let exchanges = recording(name, &object_id(&token));
    let mut replay = Replay {
        client,
        links: HashMap::new(),
        names: HashMap::new(),
        differences: BTreeSet::new(),
    };
    // What was there before the recording began.
    if exchanges[0]["method"] == "GET" {
        let before = &exchanges[0]["response"];
        let body = json!({
            "location": before["location"], "tags": before["tags"],
            "properties": before["properties"],
        });
        let url = exchanges[0]["url"].as_str().expect("text");
        let made = replay.client.ask(Method::PUT, url, Some(&body)).await;
        assert_eq!(made.status, 200, "{}", made.body);
    }
    for exchange in &exchanges {
        replay.exchange(exchange).await;
    }
    let shown: BTreeMap<usize, &String> = replay.differences.iter().enumerate().collect();
    assert!(shown.is_empty(), "{name}: {shown:#?}");
}

#[test]
fn creation_of_a_group_is_answered_as_recorded() {
    replay("container-create.json");
}

#[test]
fn image_of_a_private_registry_is_answered_as_recorded() {
    replay("container-create-private-registry.json");
}

#[test]
fn crash_and_exec_are_answered_as_recorded() {
    replay("container-exec-after-crash.json");
}

#[test]
fn registries_are_answered_as_recorded() {
    replay("registry-create.json");
}

#[test]
fn secrets_are_answered_as_recorded() {
    replay("keyvault-secret.json");
}
