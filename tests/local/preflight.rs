//! Requests of the preflight that fail for a moment.

use crate::support::cloud::{LocalCloud, state};
use crate::support::{Finished, Program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use shipway::testing::local::LoggedRequest;
use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::Mutex;
use std::thread;

/// Asks for everything that a preflight may ask for: the subscription, a secret of a
/// vault, an admin user, a resource group, an identity, an image, and tokens of two
/// registries. The deploy is checked and never made.
const PLAN: &str = "\
name: checked
secrets: { key: { keyvault: \"https://shelf.vault.azure.net/secrets/key\" } }
azure: { resource-group: demo, location: westeurope }
registries:
  demo.azurecr.io: { login: entra }
  other.azurecr.io: { login: admin }
steps:
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - tag: [demo.azurecr.io/web:v1, other.azurecr.io/web:v1]
  - push:
  - if: failure()
    deploy: { aci: { name: checked, env: { KEY: \"${{ secrets.key }}\" } } }
";

/// The result of a run against a cloud with this fault, and what the cloud was asked.
fn run(plan: &str, fault: Option<Value>) -> (Finished, Vec<LoggedRequest>) {
    let state = state();
    let cloud = LocalCloud::start(state.path(), world(fault));
    let program = Program::with_plan(plan);
    let finished = program.run(&["run", "--cloud", &cloud.path.display().to_string()]);
    (finished, cloud.requests())
}

fn world(fault: Option<Value>) -> Value {
    let registry = |name: &str| {
        json!({
            "host": format!("{name}.azurecr.io"), "name": name, "resource-group": "demo",
            "admin-user": true,
        })
    };
    json!({
        "resource-groups": [{"name": "demo", "location": "westeurope"}],
        "registries": [registry("demo"), registry("other")],
        "vaults": [{"host": "shelf.vault.azure.net", "secrets": {"key": "hunter22"}}],
        "faults": fault.into_iter().collect::<Vec<_>>(),
    })
}

fn line(LoggedRequest { method, host, path, status, .. }: &LoggedRequest) -> String {
    let path = path.split('?').next().unwrap_or_default();
    format!("{method} {host}{path} {status}")
}

/// The requests before those of the push, each with its place among all requests.
/// Without those that only open a connection, whose number depends on time.
fn numbered(requests: &[LoggedRequest]) -> Vec<(usize, String)> {
    let of_push = |path: &str| path.contains("/blobs/") || path.contains("/manifests/");
    let opens = |request: &LoggedRequest| request.path == "/v2/" && request.status == 401;
    let before = requests.iter().take_while(|request| !of_push(&request.path)).enumerate();
    before.filter(|(_, request)| !opens(request)).map(|(at, request)| (at, line(request))).collect()
}

fn preflight(requests: &[LoggedRequest]) -> Vec<String> {
    numbered(requests).into_iter().map(|(_, line)| line).collect()
}

#[test]
fn every_request_may_fail_once_with_any_transient_fault() {
    let (finished, requests) = run(PLAN, None);
    finished.exits(0);
    let asked = numbered(&requests);
    assert!(asked.len() > 10, "{requests:#?}");
    let kinds = [
        json!({"status": 408}),
        json!({"status": 429, "retry-after": 0}),
        json!({"status": 500}),
        json!({"status": 502}),
        json!({"status": 503}),
        json!({"status": 504}),
        json!({"reset": true}),
    ];
    let mut cases = Vec::new();
    for (skip, _) in asked {
        for kind in &kinds {
            let mut fault = kind.clone();
            fault["skip"] = json!(skip);
            cases.push(fault);
        }
    }
    let (cases, wrong) = (Mutex::new(cases), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(fault) = { cases.lock().expect("no panic").pop() } {
                    let (finished, requests) = run(PLAN, Some(fault.clone()));
                    if finished.code != 0 {
                        let asked = preflight(&requests);
                        wrong.lock().expect("no panic").push(format!(
                            "{fault}: exit {}\n{}\n{asked:#?}",
                            finished.code, finished.stderr
                        ));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} failed\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn requests_of_a_good_preflight_are_counted() {
    let (finished, requests) = run(PLAN, None);
    finished.exits(0);
    let mut lines = preflight(&requests);
    // Some are sent at the same time.
    lines.sort_unstable();
    let lines = lines.join("\n");
    let subscription = requests
        .iter()
        .find_map(|request| request.path.strip_prefix("/subscriptions/")?.split('/').next())
        .expect("a subscription");
    let tenant = requests
        .iter()
        .find(|request| request.host == "login.microsoftonline.com")
        .and_then(|request| request.path.split('/').nth(1))
        .expect("a tenant");
    insta::assert_snapshot!(lines.replace(subscription, "SUBSCRIPTION").replace(tenant, "TENANT"));
}

#[test]
fn busy_resource_manager_is_asked_again_and_the_reason_is_said() {
    let fault = json!({
        "method": "GET", "path-contains": "/resourcegroups/demo", "status": 503,
        "code": "ServerBusy", "message": "Try later.", "retry-after": 0,
    });
    let (finished, _) = run(PLAN, Some(fault));
    let finished = finished.exits(0);
    let said = "preflight  retry  attempt 1 of 4 failed, next in 0.0s: cannot read the resource group `demo`: Azure answered 503 `ServerBusy`: Try later\n";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
}

#[test]
fn busy_key_vault_is_asked_again_after_the_time_that_it_names() {
    let fault = json!({
        "host": "shelf.vault.azure.net", "path-contains": "/secrets/key", "status": 429,
        "code": "Throttled", "message": "Wait.", "retry-after": 1,
    });
    let (finished, requests) = run(PLAN, Some(fault));
    let finished = finished.exits(0);
    let said = "preflight  retry  attempt 1 of 4 failed, next in 1.0s: cannot read the secret `key`: vault `shelf`, secret `key`: Azure answered 429 `Throttled`: Wait\n";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    let at = |status: u16| {
        let found = requests
            .iter()
            .find(|it| it.host == "shelf.vault.azure.net" && it.status == status)
            .expect("a request");
        found.time.parse::<jiff::Timestamp>().expect("a time")
    };
    assert!(at(200).duration_since(at(429)).as_secs_f64() >= 1.0, "{requests:#?}");
}

#[test]
fn refusals_are_not_asked_again() {
    for status in [400_u16, 403, 409] {
        let fault = json!({
            "method": "GET", "path-contains": "/resourcegroups/demo", "status": status,
            "code": "Refused", "message": "No.", "times": 9,
        });
        let (finished, requests) = run(PLAN, Some(fault));
        let finished = finished.exits(3);
        assert!(!finished.stderr.contains("retry"), "{}", finished.stderr);
        let asked = requests.iter().filter(|it| it.status == status);
        assert_eq!(asked.count(), 1, "{requests:#?}");
    }
}

#[test]
fn signal_ends_the_wait_for_a_retry() {
    let state = state();
    let fault = json!({
        "path-contains": "/resourcegroups/demo", "status": 503, "retry-after": 100, "times": 9,
    });
    let cloud = LocalCloud::start(state.path(), world(Some(fault)));
    let program = Program::with_plan(PLAN);
    let mut child = program.start(&["run", "--cloud", &cloud.path.display().to_string()]);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("next in 100.0s") {
        assert_ne!(stderr.read_line(&mut said).expect("text"), 0, "{said}");
    }

    let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id"));
    kill(pid, Signal::SIGINT).expect("a signal");

    let status = child.wait().expect("an end");
    stderr.read_to_string(&mut said).expect("text");
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("\nerror: the run was stopped before its first step\n"), "{said}");
}
