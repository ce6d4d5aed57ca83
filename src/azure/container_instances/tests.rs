//! Whole deploys against a fake of Resource Manager, with recorded answers
//! where there are any. Those about updates, quotas and DNS labels are built
//! from documentation: no recording holds one.

use super::{
    Container, ContainerInstances, DeployError, DeployEvent, Desired, EnvValue, Group, GroupId,
    Patience, Port, Replace,
};
use crate::azure::fake::{Fake, Reply, shown};
use crate::azure::registries::{PullLogin, RegistryLogin};
use crate::http::{Retry, Retryable as _};
use crate::secret::Redactor;
use crate::value::{Protocol, RestartPolicy};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

const PATH: &str =
    "/subscriptions/s/resourceGroups/r/providers/Microsoft.ContainerInstance/containerGroups/g";
const OPERATION: &str = "https://management.azure.com/operations/1?api-version=2018-06-01";

fn on(verb: &str) -> String {
    format!("{verb} management.azure.com{PATH}")
}

fn id() -> GroupId {
    GroupId { subscription: "s".into(), resource_group: "r".into(), name: "g".into() }
}

fn desired() -> Desired {
    let web = Container {
        name: "web".into(),
        image: "demo.azurecr.io/web@sha256:00".into(),
        ports: vec![Port { number: 80, protocol: Protocol::Tcp }],
        cpu: 1.0,
        memory_gb: 1.5,
        command: Vec::new(),
        env: Vec::new(),
    };
    Desired {
        id: id(),
        location: "westeurope".into(),
        containers: vec![web],
        restart_policy: RestartPolicy::Always,
        dns_label: Some("demo-label".into()),
        dns_label_scope: None,
        registries: Vec::new(),
        tags: BTreeMap::new(),
        replace: Replace::Never,
    }
}

fn groups(fake: &Fake) -> ContainerInstances {
    let brief = Duration::from_millis(2);
    ContainerInstances::new(fake.arm()).patient(Patience { steady: brief, transition: brief })
}

/// A group with one container that does this.
fn group(view: &Value) -> Reply {
    Reply::json(200, &group_json(view))
}

fn group_json(view: &Value) -> Value {
    json!({
        "id": PATH,
        "name": "g",
        "location": "westeurope",
        "properties": {
            "provisioningState": "Succeeded",
            "isCustomProvisioningTimeout": false,
            "osType": "Linux",
            "restartPolicy": "Always",
            "containers": [{ "name": "web", "properties": {
                "image": "demo.azurecr.io/web@sha256:00",
                "resources": { "requests": { "cpu": 1.0, "memoryInGB": 1.5 } },
                "instanceView": view,
            } }],
            "ipAddress": {
                "type": "Public", "ip": "20.0.0.1", "fqdn": "demo-label.x.azurecontainer.io",
                "ports": [{ "protocol": "TCP", "port": 80 }],
            },
            "instanceView": { "events": [], "state": "Running" },
        },
    })
}

fn running() -> Reply {
    group(&running_view())
}

fn running_view() -> Value {
    json!({
        "restartCount": 0,
        "currentState": { "state": "Running", "startTime": "2026-01-01T00:00:00Z" },
    })
}

fn missing() -> Reply {
    Reply::new(404, r#"{"error":{"code":"ResourceNotFound","message":"not there"}}"#)
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": message } }))
}

fn accepted() -> Reply {
    Reply::new(201, "{}").with("Azure-AsyncOperation", OPERATION)
}

fn succeeded() -> (&'static str, Vec<Reply>) {
    ("GET management.azure.com/operations/1", vec![Reply::new(200, r#"{"status":"Succeeded"}"#)])
}

/// Reads, applies and watches, as a deploy does.
async fn deploy_with_events(
    fake: &Fake,
    desired: &Desired,
    events: &(dyn Fn(DeployEvent) + Send + Sync),
) -> Result<Group, DeployError> {
    let groups = groups(fake);
    let existing = groups.find(&desired.id).await?;
    groups.apply(desired, existing.as_ref(), events).await?;
    groups.watch(desired, events).await
}

async fn deploy(fake: &Fake, desired: &Desired) -> Result<Group, DeployError> {
    deploy_with_events(fake, desired, &|_| {}).await
}

#[test]
fn the_body_is_what_azure_documents() {
    let redactor = Redactor::default();
    let identity = "/subscriptions/s/resourceGroups/r/providers/Microsoft.ManagedIdentity/\
                    userAssignedIdentities/pull";
    let mut wanted = desired();
    wanted.dns_label_scope = Some("TenantReuse".into());
    wanted.tags = BTreeMap::from([("shipway".to_owned(), "demo".to_owned())]);
    wanted.registries = vec![
        RegistryLogin {
            server: "demo.azurecr.io".into(),
            login: PullLogin::User {
                username: "me".into(),
                password: redactor.adopt("test", "pa55word".into()),
            },
        },
        RegistryLogin {
            server: "other.azurecr.io".into(),
            login: PullLogin::Identity(identity.into()),
        },
    ];
    wanted.containers[0].memory_gb = 1.42;
    wanted.containers[0].command = vec!["/server".into(), "--quiet".into()];
    wanted.containers[0].env = vec![
        ("LOG".into(), EnvValue::Plain("info".into())),
        ("TOKEN".into(), EnvValue::Secret(redactor.adopt("test", "t0ken".into()))),
    ];

    assert_eq!(
        wanted.body(),
        json!({
            "location": "westeurope",
            "tags": { "shipway": "demo" },
            "properties": {
                "containers": [{ "name": "web", "properties": {
                    "image": "demo.azurecr.io/web@sha256:00",
                    "ports": [{ "protocol": "TCP", "port": 80 }],
                    "environmentVariables": [
                        { "name": "LOG", "value": "info" },
                        { "name": "TOKEN", "secureValue": "t0ken" },
                    ],
                    "resources": { "requests": { "cpu": 1.0, "memoryInGB": 1.5 } },
                    "command": ["/server", "--quiet"],
                } }],
                "imageRegistryCredentials": [
                    { "server": "demo.azurecr.io", "username": "me", "password": "pa55word" },
                    { "server": "other.azurecr.io", "identity": identity },
                ],
                "restartPolicy": "Always",
                "ipAddress": {
                    "type": "Public",
                    "ports": [{ "protocol": "TCP", "port": 80 }],
                    "dnsNameLabel": "demo-label",
                    "autoGeneratedDomainNameLabelScope": "TenantReuse",
                },
                "osType": "Linux",
            },
            "identity": { "type": "UserAssigned", "userAssignedIdentities": { identity: {} } },
        })
    );
    assert!(!format!("{wanted:?}").contains("pa55word"));
}

#[tokio::test]
async fn a_new_group_is_put_polled_and_watched() {
    let starting = group(&json!({ "currentState": { "state": "Waiting" } }));
    let (get, put) = (on("GET"), on("PUT"));
    let fake = Fake::script(vec![
        (&get, vec![missing(), starting, running()]),
        (&put, vec![accepted()]),
        (
            "GET management.azure.com/operations/1",
            vec![
                Reply::new(200, r#"{"status":"Pending"}"#),
                Reply::new(200, r#"{"status":"Succeeded"}"#),
            ],
        ),
    ])
    .await;
    let events = Mutex::new(Vec::new());

    let keep = |event: DeployEvent| events.lock().expect("no panic").push(event.to_string());
    let group = deploy_with_events(&fake, &desired(), &keep).await.expect("deployed");

    assert_eq!(group.id, PATH);
    let address = group.properties.ip_address.as_ref().expect("an address");
    assert_eq!(address.fqdn.as_deref(), Some("demo-label.x.azurecontainer.io"));
    assert_eq!(address.ip.as_deref(), Some("20.0.0.1"));
    assert_eq!(group.urls(), ["http://demo-label.x.azurecontainer.io"]);
    assert_eq!(
        *events.lock().expect("no panic"),
        ["Azure accepted the container group", "Azure: Pending", "waiting for `web`: waiting"]
    );
    let look = "GET management.azure.com/operations/1 -> 200\n";
    assert_eq!(
        fake.log(),
        format!(
            "{get} -> 404\n{put} -> 201\n{look}{look}{get} -> 200\n{get} -> 200\n{get} -> 200\n"
        )
    );
}

/// Azure said Succeeded; the container had ended with exit code 2.
#[tokio::test]
async fn a_recorded_crash_is_found_though_azure_says_succeeded() {
    let recording: Vec<Value> = serde_json::from_str(include_str!(
        "../../../tests/fixtures/azure/container-exec-after-crash.json"
    ))
    .expect("a recording");
    let path = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/\
                clitest.rg000001/providers/Microsoft.ContainerInstance/containerGroups/\
                clicontainer000002";
    let logs = format!("GET management.azure.com{path}/containers/clicontainer000002/logs");
    let log = Reply::json(200, &json!({ "content": "hello\n/bin/sh: syntax error\n" }));
    let mut table: BTreeMap<String, Vec<Reply>> = BTreeMap::from([(logs, vec![log])]);
    table.entry(format!("GET management.azure.com{path}")).or_default().push(missing());
    for exchange in &recording {
        let url = exchange["url"].as_str().expect("a URL").trim_start_matches("https://");
        let to = url.split('?').next().expect("a path");
        let status = u16::try_from(exchange["status"].as_u64().expect("a status")).expect("small");
        let mut reply = Reply::json(status, &exchange["response"]);
        if let Some(link) = exchange["headers"]["azure-asyncoperation"].as_str() {
            reply = reply.with("Azure-AsyncOperation", link);
        }
        let request = format!("{} {to}", exchange["method"].as_str().expect("a method"));
        table.entry(request).or_default().push(reply);
    }
    let fake =
        Fake::script(table.iter().map(|(on, replies)| (on.as_str(), replies.clone())).collect())
            .await;
    let mut wanted = desired();
    wanted.id = GroupId::parse(path).expect("a resource id");
    wanted.restart_policy = RestartPolicy::Never;

    let error = deploy(&fake, &wanted).await.expect_err("crashed");

    assert_eq!(
        shown(&error),
        "cannot start container group `clicontainer000002`: container `clicontainer000002` does not run: \
         it ended with exit code 2\n  \
         now: Terminated, exit code 2, Error\nits last lines:\n  hello\n  /bin/sh: syntax error\n\
         help: its last lines say why; `az container logs` shows more"
    );
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn a_recorded_group_is_read() {
    let recording: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/fixtures/azure/container-create.json"))
            .expect("a recording");
    let group: Group = serde_json::from_value(recording[4]["response"].clone()).expect("a group");

    let name = "clicontainer000002.westus.azurecontainer.io";
    assert_eq!(group.urls(), [format!("http://{name}:8000"), format!("http://{name}:8001")]);
    assert_eq!(group.state(), "Running");
    assert_eq!(group.properties.containers[0].name, "clicontainer000002");
}

async fn crash(view: Value, log: Reply) -> String {
    let (get, put, logs) = (on("GET"), on("PUT"), format!("{}/containers/web/logs", on("GET")));
    let fake = Fake::script(vec![
        (&get, vec![missing(), group(&view)]),
        (&put, vec![Reply::new(200, "{}")]),
        (&logs, vec![log]),
    ])
    .await;
    shown(&deploy(&fake, &desired()).await.expect_err("crashed"))
}

#[tokio::test]
async fn each_way_of_not_running_has_its_remedy() {
    let loops = |code: i64| {
        json!({
            "restartCount": 3,
            "currentState": { "state": "Waiting", "detailStatus": "CrashLoopBackOff: Back-off 10s" },
            "previousState": { "state": "Terminated", "exitCode": code, "detailStatus": "Error" },
            "events": [
                { "count": 2, "name": "Killing", "message": "Killing container", "type": "Normal" },
            ],
        })
    };
    let silent = || refusal(400, "ContainerLogNotAvailable", "none yet");
    let head = "cannot start container group `g`: container `web` does not run: CrashLoopBackOff: \
                Back-off 10s\n  now: Waiting, CrashLoopBackOff: Back-off 10s\n\
                before: Terminated, exit code CODE, Error\nrestarts: 3\n\
                event: Killing (2×): Killing container\nit wrote nothing\nhelp: ";
    let cases = [
        (137, "it was killed, most likely for lack of memory; raise `memory`"),
        (
            139,
            "it broke on a bad memory access, often because the image is for another kind of \
             processor or C library",
        ),
        (126, "the command is there but must not be run; check its mode, such as 0755"),
        (
            127,
            "the command is not in the image, or its program loader is not; check `command`, the \
             entrypoint, and that the program is static where the image is `scratch`",
        ),
        (
            0,
            "it did its work and ended; a service must stay in the foreground, and a job needs \
             `restart-policy: Never`",
        ),
        (143, "it was asked to end; look at the events for who asked"),
        (
            1,
            "it ended without writing anything; run the image on this machine with the same \
             `command` and `env`, and let the program log its errors to stderr",
        ),
    ];
    for (code, help) in cases {
        let expected = head.replace("CODE", &code.to_string()) + help;
        assert_eq!(crash(loops(code), silent()).await, expected);
    }
    let log = Reply::json(200, &json!({ "content": "exec /server: exec format error\n" }));
    let text = crash(loops(1), log).await;
    let help = "help: the image is for another kind of processor; build it for \
                `platform: linux/amd64`";
    assert!(text.ends_with(help), "{text}");
    let view = json!({ "currentState": { "state": "Waiting", "detailStatus": "ErrImagePull" } });
    let text = crash(view, Reply::new(500, "")).await;
    let help = "help: Azure cannot pull the image; check the `pull` login of its registry";
    assert!(text.ends_with(help), "{text}");
}

#[tokio::test]
async fn a_deploy_waits_for_the_address_that_it_asked_for() {
    let without = |missing: &[&str]| {
        let mut reply = group_json(&running_view());
        let address = reply["properties"]["ipAddress"].as_object_mut().expect("an address");
        for name in missing {
            address.remove(*name);
        }
        Reply::json(200, &reply)
    };
    let (get, put) = (on("GET"), on("PUT"));
    let looks = vec![
        missing(),
        without(&["ip", "fqdn"]),
        without(&["ip", "fqdn"]),
        without(&["fqdn"]),
        running(),
    ];
    let fake = Fake::script(vec![(&get, looks), (&put, vec![Reply::new(200, "{}")])]).await;
    let events = Mutex::new(Vec::new());

    let keep = |event: DeployEvent| events.lock().expect("no panic").push(event.to_string());
    let group = deploy_with_events(&fake, &desired(), &keep).await.expect("deployed");

    assert_eq!(group.urls(), ["http://demo-label.x.azurecontainer.io"]);
    assert_eq!(
        *events.lock().expect("no panic"),
        [
            "Azure accepted the container group",
            "waiting for its IP address",
            "waiting for its domain name",
        ]
    );
}

#[tokio::test]
async fn a_group_that_waits_shows_its_events_and_the_cause() {
    let (get, logs) = (on("GET"), format!("{}/containers/web/logs", on("GET")));
    let pulling = group(&json!({
        "currentState": { "state": "Waiting" },
        "events": [
            { "count": 3, "name": "Pulling", "message": "pulling image \"demo.azurecr.io/web\"" },
            { "count": 2, "name": "Failed", "message": "Failed to pull image: 401 Unauthorized" },
        ],
    }));
    let fake = Fake::script(vec![
        (&get, vec![pulling]),
        (&logs, vec![refusal(400, "ContainerLogNotAvailable", "none yet")]),
    ])
    .await;

    let found = groups(&fake).inspect(&id()).await.expect("read").expect("a group");

    assert_eq!(
        found.lines(),
        [
            "container group `g`: Running",
            "event: Pulling (3×): pulling image \"demo.azurecr.io/web\"",
            "event: Failed (2×): Failed to pull image: 401 Unauthorized",
            "container `web`:",
            "  now: Waiting",
            "  it wrote nothing",
        ]
    );
    let cause = found.not_running().expect("it does not run");
    assert_eq!(cause, "container `web` does not run: it has not started");
    let help = found.remedy().expect("a remedy");
    assert_eq!(help, "Azure cannot pull the image; check the `pull` login of its registry");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_not_called_empty() {
    let ended = json!({ "currentState": { "state": "Terminated", "exitCode": 1 } });
    let mut wanted = desired();
    wanted.restart_policy = RestartPolicy::Never;
    let (get, put, logs) = (on("GET"), on("PUT"), format!("{}/containers/web/logs", on("GET")));
    let fake = Fake::script(vec![
        (&get, vec![missing(), group(&ended)]),
        (&put, vec![Reply::new(200, "{}")]),
        (&logs, vec![Reply::new(500, "")]),
    ])
    .await;
    assert_eq!(
        shown(&deploy(&fake, &wanted).await.expect_err("crashed")),
        "cannot start container group `g`: container `web` does not run: it ended with exit code 1\n  \
         now: Terminated, exit code 1\nits log cannot be read\n\
         help: `az container logs` shows what it wrote"
    );
}

#[tokio::test]
async fn a_label_that_is_taken_has_two_remedies() {
    let (get, put) = (on("GET"), on("PUT"));
    let words = "The DNS name label 'demo-label' in container group 'g' is not available.";
    let fake = Fake::script(vec![
        (&get, vec![missing()]),
        (&put, vec![refusal(400, "DnsNameLabelAlreadyTaken", words)]),
    ])
    .await;

    let error = deploy(&fake, &desired()).await.expect_err("taken");

    assert_eq!(
        shown(&error),
        "cannot create or update container group `g`\n  Azure answered 400 `DnsNameLabelAlreadyTaken`: \
         The DNS name label 'demo-label' in container group 'g' is not available\n\
         help: the DNS label is taken in this region; choose another `dns-label`, or set \
         `dns-label-scope: TenantReuse`, which adds a hash that makes it yours"
    );
}

const IMMUTABLE: &str = "InvalidContainerGroupUpdate";

#[tokio::test]
async fn an_update_that_needs_a_new_group_names_what_changed() {
    let (get, put) = (on("GET"), on("PUT"));
    let fake = Fake::script(vec![
        (&get, vec![running()]),
        (&put, vec![refusal(400, IMMUTABLE, "delete it first")]),
    ])
    .await;
    let mut wanted = desired();
    wanted.containers[0].cpu = 0.5;

    let error = deploy(&fake, &wanted).await.expect_err("refused");

    assert_eq!(
        shown(&error),
        "cannot update container group `g`: Azure does not change `cpu` from 1 to 0.5 in place\n  \
         Azure answered 400 `InvalidContainerGroupUpdate`: delete it first\n\
         help: this cannot be changed in place; allow `replace: when-required`, which deletes the \
         group and creates it again, with a new address and a minute without service"
    );
    assert_eq!(fake.log(), format!("{get} -> 200\n{put} -> 400\n"));
}

#[tokio::test]
async fn a_group_is_replaced_where_that_is_allowed() {
    let (get, put, delete) = (on("GET"), on("PUT"), on("DELETE"));
    let fake = Fake::script(vec![
        (&get, vec![running(), running(), missing(), running()]),
        (
            &put,
            vec![
                refusal(400, IMMUTABLE, "delete it first"),
                refusal(409, "ContainerGroupTransitioning", "still deleting"),
                accepted(),
            ],
        ),
        // The answer to a DELETE is the old group, running.
        (&delete, vec![running()]),
        succeeded(),
    ])
    .await;
    let mut wanted = desired();
    wanted.replace = Replace::WhenRequired;

    deploy(&fake, &wanted).await.expect("replaced");

    let get = format!("{get} -> ");
    assert_eq!(
        fake.log(),
        format!(
            "{get}200\n{put} -> 400\n{delete} -> 200\n{get}200\n{get}404\n{put} -> 409\n\
             {put} -> 201\nGET management.azure.com/operations/1 -> 200\n{get}200\n{get}200\n"
        )
    );
}

#[tokio::test]
async fn replace_always_deletes_first() {
    let (get, put, delete) = (on("GET"), on("PUT"), on("DELETE"));
    let fake = Fake::script(vec![
        (&get, vec![running(), missing(), running()]),
        (&put, vec![accepted()]),
        (&delete, vec![running()]),
        succeeded(),
    ])
    .await;
    let mut wanted = desired();
    wanted.replace = Replace::Always;

    deploy(&fake, &wanted).await.expect("replaced");
    assert!(fake.log().starts_with(&format!("{get} -> 200\n{delete} -> 200\n{get} -> 404\n")));
}

#[tokio::test]
async fn deleting_a_missing_group_succeeds() {
    let delete = on("DELETE");
    for reply in [missing(), Reply::new(204, "")] {
        let fake = Fake::script(vec![(&delete, vec![reply])]).await;
        groups(&fake).delete(&id()).await.expect("gone");
    }
}

#[test]
fn mistakes_are_found_before_a_request() {
    let mistake = |desired: &Desired| match desired.check() {
        Err(DeployError::Mistake { mistake, .. }) => Some(mistake),
        Err(other) => panic!("{other}"),
        Ok(()) => None,
    };
    let labelled = |label: &str| mistake(&Desired { dns_label: Some(label.into()), ..desired() });

    assert_eq!(mistake(&desired()), None);
    for bad in ["abc", "Demo-label", "1demo", "demo-", "de_mo", &"a".repeat(64)] {
        let text = format!(
            "the DNS label `{bad}` must have 5 to 63 of a-z, 0-9 and `-`, begin with a letter and \
             end with a letter or digit"
        );
        assert_eq!(labelled(bad), Some(text));
    }
    let mut six = desired();
    six.containers[0].ports = vec![Port { number: 80, protocol: Protocol::Tcp }; 6];
    assert_eq!(mistake(&six).as_deref(), Some("a container group has 5 ports at most, not 6"));
    let mut none = desired();
    none.containers[0].ports.clear();
    assert_eq!(mistake(&none).as_deref(), Some("a DNS label needs a public port"));
}

#[test]
fn a_resource_id_is_read_back() {
    assert_eq!(GroupId::parse(PATH), Some(id()));
    assert_eq!(GroupId::parse(&PATH.to_uppercase()).map(|id| id.name), Some("G".to_owned()));
    assert_eq!(id().to_string(), PATH);
    assert_eq!(GroupId::parse("/subscriptions/s"), None);
}

#[test]
fn urls_follow_from_the_address_and_its_ports() {
    let urls = |address: Value| {
        let group: Group =
            serde_json::from_value(json!({ "properties": { "ipAddress": address } }))
                .expect("a group");
        group.urls()
    };
    let ports = json!([
        { "port": 443, "protocol": "TCP" }, { "port": 53, "protocol": "UDP" }, { "port": 8080 },
    ]);
    let named = json!({ "fqdn": "x.hash.westeurope.azurecontainer.io", "ports": ports });
    assert_eq!(
        urls(named),
        [
            "https://x.hash.westeurope.azurecontainer.io",
            "http://x.hash.westeurope.azurecontainer.io:8080",
        ]
    );
    assert_eq!(urls(json!({ "ip": "20.0.0.1", "ports": [{ "port": 80 }] })), ["http://20.0.0.1"]);
    assert_eq!(urls(json!(null)), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_is_put_back_in_place() {
    let put = on("PUT");
    let fake = Fake::script(vec![(&put, vec![accepted()]), succeeded()]).await;
    let body = json!({ "location": "westeurope" });

    groups(&fake).restore(&id(), &body, Replace::Never, &|_| {}).await.expect("put back");

    assert_eq!(fake.log(), format!("{put} -> 201\nGET management.azure.com/operations/1 -> 200\n"));
}

#[tokio::test]
async fn a_group_that_cannot_be_put_back_in_place_is_deleted_before() {
    let (get, put, delete) = (on("GET"), on("PUT"), on("DELETE"));
    let refused = || refusal(400, IMMUTABLE, "delete it first");
    let fake = Fake::script(vec![
        (&get, vec![missing()]),
        (&put, vec![refused(), accepted(), refused()]),
        (&delete, vec![running()]),
        succeeded(),
    ])
    .await;
    let groups = groups(&fake);

    groups.restore(&id(), &json!({}), Replace::WhenRequired, &|_| {}).await.expect("put back");
    let forbidden = groups.restore(&id(), &json!({}), Replace::Never, &|_| {}).await;

    assert_eq!(
        fake.log(),
        format!(
            "{put} -> 400\n{delete} -> 200\n{get} -> 404\n{put} -> 201\n\
             GET management.azure.com/operations/1 -> 200\n{put} -> 400\n"
        )
    );
    let said = shown(&forbidden.expect_err("it must not be deleted"));
    let first = "cannot update container group `g`: Azure does not change this in place\n";
    assert!(said.starts_with(first), "{said}");
}
