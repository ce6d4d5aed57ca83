//! Deploys that fail: the cause, and its remedy.

use super::{deploy, desired, group, group_json, groups, id, missing, on, refusal};
use crate::azure::container_instances::GroupId;
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::http::{Retry, Retryable as _};
use crate::value::RestartPolicy;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Azure said Succeeded; the container had ended with exit code 2.
#[tokio::test]
async fn a_recorded_crash_is_found_though_azure_says_succeeded() {
    let recording: Vec<Value> = serde_json::from_str(include_str!(
        "../../../../tests/fixtures/azure/container-exec-after-crash.json"
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
    let fake = FakeAzure::script(
        table.iter().map(|(on, replies)| (on.as_str(), replies.clone())).collect(),
    )
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
         help: its last lines say why; `shipway logs` shows more"
    );
    assert_eq!(error.retry(), Retry::Never);
}

async fn crash(view: Value, log: Reply) -> String {
    let (get, put, logs) = (on("GET"), on("PUT"), format!("{}/containers/web/logs", on("GET")));
    let fake = FakeAzure::script(vec![
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
    let silent = || Reply::json(200, &json!({ "content": "" }));
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
             `restart-policy: never`",
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
async fn program_that_azure_ends_for_its_liveness_probe_does_not_lack_memory() {
    let ended = |code: i64| {
        json!({
            "restartCount": 1,
            "currentState": { "state": "Waiting", "detailStatus": "CrashLoopBackOff: Back-off 10s" },
            "previousState": { "state": "Terminated", "exitCode": code, "detailStatus": "Error" },
            "events": [
                {
                    "count": 3, "name": "Unhealthy", "type": "Warning",
                    "message": "Liveness probe failed: HTTP probe failed with statuscode: 404",
                },
                { "count": 1, "name": "Killing", "message": "Killing container", "type": "Normal" },
            ],
        })
    };
    let help_for = async |code: i64| {
        let log = Reply::json(200, &json!({ "content": "listening on port 80\n" }));
        let text = crash(ended(code), log).await;
        text.split_once("\nhelp: ").expect("a remedy").1.to_owned()
    };
    for code in [0, 137, 143] {
        assert_eq!(
            help_for(code).await,
            "its liveness probe failed, so Azure ended it; check that it answers what `liveness` \
             asks, and raise `initial-delay` for a slow start or `failure-threshold` for slow \
             answers",
            "{code}"
        );
    }
    // A program that crashed does not answer its probe either.
    assert_eq!(help_for(1).await, "its last lines say why; `shipway logs` shows more");
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
    let fake = FakeAzure::script(vec![
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
            "  its log is not available",
        ]
    );
    let cause = found.not_running().expect("it does not run");
    assert_eq!(cause, "container `web` does not run: it has not started");
    let help = found.remedy().expect("a remedy");
    assert_eq!(help, "Azure cannot pull the image; check the `pull` login of its registry");
}

#[tokio::test]
async fn a_group_that_waits_for_an_init_container_shows_it_and_its_log() {
    let states = [
        (json!({ "state": "Running" }), "has not ended", "  now: Running"),
        (
            json!({ "state": "Terminated", "exitCode": 3 }),
            "ended with exit code 3",
            "  now: Terminated, exit code 3",
        ),
        (json!({ "state": "Waiting" }), "has not started", "  now: Waiting"),
    ];
    for (state, why, line) in states {
        let mut waiting = group_json(&json!({ "currentState": { "state": "Waiting" } }));
        let init = |name: &str, state: &Value| json!({ "name": name, "properties": { "instanceView": { "currentState": state } } });
        let ended = json!({ "state": "Terminated", "exitCode": 0 });
        waiting["properties"]["initContainers"] =
            json!([init("copy", &ended), init("migrate", &state)]);
        let (get, logs) = (on("GET"), on("GET"));
        let fake = FakeAzure::script(vec![
            (&get, vec![Reply::json(200, &waiting)]),
            (
                &format!("{logs}/containers/migrate/logs"),
                vec![Reply::json(200, &json!({ "content": "waiting for the database\n" }))],
            ),
            (
                &format!("{logs}/containers/web/logs"),
                vec![refusal(400, "ContainerLogNotAvailable", "none yet")],
            ),
        ])
        .await;

        let found = groups(&fake).inspect(&id()).await.expect("read").expect("a group");

        let cause = found.not_running().expect("it does not run");
        let expected =
            format!("init container `migrate` {why}; the containers are started after it");
        assert_eq!(cause, expected);
        assert_eq!(
            found.lines(),
            [
                "container group `g`: Running",
                "init container `migrate`:",
                line,
                "  its last lines:",
                "    waiting for the database",
                "container `web`:",
                "  now: Waiting",
                "  its log is not available",
            ]
        );
    }
}

#[tokio::test]
async fn the_events_of_another_container_do_not_explain_a_crash() {
    let mut two = group_json(&json!({
        "currentState": { "state": "Terminated", "exitCode": 1 },
        "events": [{ "count": 1, "name": "Started", "message": "Started container" }],
    }));
    let mut proxy = two["properties"]["containers"][0].clone();
    proxy["name"] = "proxy".into();
    proxy["properties"]["instanceView"] = json!({
        "currentState": { "state": "Waiting" },
        "events": [{ "count": 1, "name": "Failed", "message": "Failed to pull image" }],
    });
    two["properties"]["containers"].as_array_mut().expect("a list").push(proxy);
    let (get, logs) = (on("GET"), on("GET"));
    let fake = FakeAzure::script(vec![
        (&get, vec![Reply::json(200, &two)]),
        (
            &format!("{logs}/containers/web/logs"),
            vec![Reply::json(200, &json!({ "content": "no such table\n" }))],
        ),
    ])
    .await;

    let found = groups(&fake).inspect(&id()).await.expect("read").expect("a group");

    assert_eq!(
        found.remedy().as_deref(),
        Some("its last lines say why; `shipway logs` shows more")
    );
    let web = &found.containers[0].1;
    assert_eq!(web.event_lines(), ["event: Started: Started container"]);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_not_called_empty() {
    let ended = json!({ "currentState": { "state": "Terminated", "exitCode": 1 } });
    let mut wanted = desired();
    wanted.restart_policy = RestartPolicy::Never;
    let (get, put, logs) = (on("GET"), on("PUT"), format!("{}/containers/web/logs", on("GET")));
    let fake = FakeAzure::script(vec![
        (&get, vec![missing(), group(&ended)]),
        (&put, vec![Reply::new(200, "{}")]),
        (&logs, vec![Reply::new(500, "")]),
    ])
    .await;
    assert_eq!(
        shown(&deploy(&fake, &wanted).await.expect_err("crashed")),
        "cannot start container group `g`: container `web` does not run: it ended with exit code 1\n  \
         now: Terminated, exit code 1\nits log is not available\n\
         help: `shipway logs` shows what it wrote"
    );
}

#[tokio::test]
async fn a_label_that_is_taken_has_two_remedies() {
    let (get, put) = (on("GET"), on("PUT"));
    let words = "The DNS name label 'demo-label' in container group 'g' is not available.";
    let fake = FakeAzure::script(vec![
        (&get, vec![missing()]),
        (&put, vec![refusal(400, "DnsNameLabelAlreadyTaken", words)]),
    ])
    .await;

    let error = deploy(&fake, &desired()).await.expect_err("taken");

    assert_eq!(
        shown(&error),
        "cannot create or update container group `g`\n  management.azure.com answered 400 `DnsNameLabelAlreadyTaken`: \
         The DNS name label 'demo-label' in container group 'g' is not available\n\
         help: the DNS label is taken in this region; choose another `dns-label`, or set \
         `dns-label-scope: TenantReuse`, which adds a hash that makes it yours"
    );
}
