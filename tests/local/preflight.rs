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

/// The result of a run against a cloud with these faults, and what the cloud was asked.
fn run(plan: &str, faults: &[Value]) -> (Finished, Vec<LoggedRequest>) {
    let state = state();
    let cloud = LocalCloud::start(state.path(), world(faults));
    let program = Program::with_plan(plan);
    let finished = program.run(&["run", "--cloud", &cloud.path.display().to_string()]);
    (finished, cloud.requests())
}

fn world(faults: &[Value]) -> Value {
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
        "faults": faults,
    })
}

fn line(LoggedRequest { method, host, path, status, .. }: &LoggedRequest) -> String {
    let path = path.split('?').next().unwrap_or_default();
    format!("{method} {host}{path} {status}")
}

/// The requests before those of the push. Without those that only open a connection,
/// whose number depends on time.
fn preflight(requests: &[LoggedRequest]) -> Vec<String> {
    let of_push = |path: &str| path.contains("/blobs/") || path.contains("/manifests/");
    let opens = |request: &&LoggedRequest| request.path == "/v2/" && request.status == 401;
    let before = requests.iter().take_while(|request| !of_push(&request.path));
    before.filter(|request| !opens(request)).map(line).collect()
}

/// Every how many requests of a run one fails. An operation of several requests is
/// tried four times as a whole, so not all of them may fail in one run.
const STRIDE: usize = 3;

/// The faults that may pass.
pub fn transient_faults() -> [Value; 7] {
    [
        json!({"status": 408}),
        json!({"status": 429, "retry-after": 0}),
        json!({"status": 500}),
        json!({"status": 502}),
        json!({"status": 503}),
        json!({"status": 504}),
        json!({"reset": true}),
    ]
}

/// The fault that meets the requests of this line once `skip` of them were answered.
fn fault(kind: &Value, line: &str, skip: usize) -> Value {
    let (method, url) = line.split_once(' ').expect("a method");
    let (url, _) = url.rsplit_once(' ').expect("a status");
    let (host, path) = url.split_once('/').expect("a path");
    // Each cloud has its own subscription and tenant.
    let ids = match host {
        "management.azure.com" => 2,
        "login.microsoftonline.com" => 1,
        _ => 0,
    };
    let rest: Vec<&str> = path.split('/').skip(ids).collect();
    let mut fault = kind.clone();
    fault["method"] = json!(method);
    fault["host"] = json!(host);
    fault["path-ends"] = json!(format!("/{}", rest.join("/")));
    fault["skip"] = json!(skip);
    fault
}

/// The faults of one run: that of every third request, each of another kind.
fn faults(lines: &[String], first: usize, kind: usize) -> Vec<Value> {
    let kinds = transient_faults();
    let mut faults = Vec::new();
    for at in (first..lines.len()).step_by(STRIDE) {
        let same = |line: &&String| without_status(line) == without_status(&lines[at]);
        // A request that failed is made once more, which fills its place in the count.
        let last = (first..at).step_by(STRIDE).rev().find(|at| same(&&lines[*at])).unwrap_or(0);
        let skip = lines[last..at].iter().filter(same).count();
        faults.push(fault(&kinds[(at + kind) % kinds.len()], &lines[at], skip));
    }
    faults
}

fn without_status(line: &str) -> &str {
    line.rsplit_once(' ').expect("a status").0
}

#[test]
fn every_request_may_fail_once_with_any_transient_fault() {
    let (finished, requests) = run(PLAN, &[]);
    finished.exits(0);
    let lines = preflight(&requests);
    assert!(lines.len() > 10, "{requests:#?}");
    let runs =
        (0..STRIDE).flat_map(|first| (0..transient_faults().len()).map(move |kind| (first, kind)));
    let (runs, wrong) = (Mutex::new(runs), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        // They wait for their retries most of the time.
        for _ in 0..STRIDE * transient_faults().len() {
            scope.spawn(|| {
                let Some((first, kind)) = ({ runs.lock().expect("no panic").next() }) else {
                    return;
                };
                let faults = faults(&lines, first, kind);
                let (finished, requests) = run(PLAN, &faults);
                let failed = requests
                    .iter()
                    .filter(|it| [408, 429].contains(&it.status) || it.status >= 500);
                if finished.code != 0 || failed.count() != faults.len() {
                    wrong.lock().expect("no panic").push(format!(
                        "{faults:#?}: exit {}\n{}\n{:#?}",
                        finished.code,
                        finished.stderr,
                        preflight(&requests)
                    ));
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} failed\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn requests_of_a_good_preflight_are_counted() {
    let (finished, requests) = run(PLAN, &[]);
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
        "method": "GET", "path-contains": "/containerGroups/checked", "status": 503,
        "code": "ServerBusy", "message": "Try later.", "retry-after": 0,
    });
    let (finished, _) = run(PLAN, &[fault]);
    let finished = finished.exits(0);
    let said = "preflight  retry  attempt 1 of 4 failed, next in 0.0s: cannot read container group `checked`: management.azure.com answered 503 `ServerBusy`: Try later\n";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
}

#[test]
fn busy_key_vault_is_asked_again_after_the_time_that_it_names() {
    let fault = json!({
        "host": "shelf.vault.azure.net", "path-contains": "/secrets/key", "status": 429,
        "code": "Throttled", "message": "Wait.", "retry-after": 1,
    });
    let (finished, requests) = run(PLAN, &[fault]);
    let finished = finished.exits(0);
    let said = "preflight  retry  attempt 1 of 4 failed, next in 1.0s: cannot read the secret `key`: vault `shelf`, secret `key`: shelf.vault.azure.net answered 429 `Throttled`: Wait\n";
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
fn busy_registry_is_waited_for_as_long_as_it_asks() {
    let fault = json!({
        "method": "POST", "path-contains": "/oauth2/token", "status": 429,
        "code": "TOOMANYREQUESTS", "message": "Slow down.", "retry-after": 1, "times": 3,
    });
    let (finished, requests) = run(PLAN, &[fault]);
    let finished = finished.exits(0);
    let waits = finished.stderr.lines().filter(|line| {
        line.starts_with("preflight  retry  attempt ")
            && line.contains("of 4 failed, next in 1.0s: cannot sign in to ")
    });
    assert_eq!(waits.count(), 3, "{}", finished.stderr);
    let busy = requests.iter().filter(|it| it.status == 429 && it.path.contains("/oauth2/token"));
    assert_eq!(busy.count(), 3, "{requests:#?}");
}

#[test]
fn refusals_are_not_asked_again() {
    for status in [400_u16, 403, 409] {
        let fault = json!({
            "method": "GET", "path-contains": "/containerGroups/checked", "status": status,
            "code": "Refused", "message": "No.", "times": 9,
        });
        let (finished, requests) = run(PLAN, &[fault]);
        let finished = finished.exits(3);
        assert!(!finished.stderr.contains("retry"), "{}", finished.stderr);
        let asked = requests.iter().filter(|it| it.status == status);
        assert_eq!(asked.count(), 1, "{requests:#?}");
    }
}

/// The result of a run of these services against a cloud whose registry `other` has no admin
/// user, and lets all pull if `anonymous`.
fn run_where_only_demo_has_an_admin(services: &str, anonymous: bool) -> Finished {
    let mut world = world(&[]);
    world["registries"][1]["admin-user"] = json!(false);
    world["registries"][1]["anonymous-pull"] = json!(anonymous);
    let state = state();
    let cloud = LocalCloud::start(state.path(), world);
    let plan = format!(
        "name: checked\nazure: {{ resource-group: demo, location: westeurope }}\n\
         services:\n{services}"
    );
    Program::with_plan(&plan).run(&["run", "--cloud", &cloud.path.display().to_string()])
}

#[test]
fn registry_of_a_later_tag_is_not_what_a_deploy_pulls_from() {
    let services = "  web:
    steps:
      - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
      - tag: demo.azurecr.io/web:v1
      - push:
      - if: failure()
        deploy: { aci: {} }
      - tag: other.azurecr.io/web:v1
      - push:
";
    run_where_only_demo_has_an_admin(services, false).exits(0);
}

#[test]
fn registry_that_a_deploy_pulls_from_is_checked() {
    let services = "  web:
    steps:
      - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
      - tag: other.azurecr.io/web:v1
      - push:
      - if: failure()
        deploy: { aci: {} }
      - tag: demo.azurecr.io/web:v1
      - push:
";
    let refused = run_where_only_demo_has_an_admin(services, false).exits(3);
    let why = "error: the service could not pull its image from `other.azurecr.io`
  because: no `pull` is set for the registry, and it has no admin user
  help: set `pull: { identity: NAME }` under `registries.other.azurecr.io`, a user-assigned \
               identity with the role AcrPull, or `pull: { username: …, password: … }`
";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
}

#[test]
fn registry_that_lets_all_pull_needs_no_login() {
    let services = "  web:
    steps:
      - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
      - tag: other.azurecr.io/web:v1
      - push:
      - if: failure()
        deploy: { aci: {} }
";
    run_where_only_demo_has_an_admin(services, true).exits(0);
}

#[test]
fn registry_that_nothing_is_pushed_to_is_not_signed_in_to() {
    let services = "  web:
    steps:
      - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
      - tag: demo.azurecr.io/web:v1
      - push:
  named:
    steps:
      - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
      - tag: nowhere.azurecr.io/web:v1
";
    run_where_only_demo_has_an_admin(services, false).exits(0);
}

#[test]
fn missing_resource_group_is_told_by_the_request_for_the_container_group() {
    let state = state();
    let cloud = LocalCloud::start(state.path(), json!({}));
    let plan = "\
name: checked
azure: { resource-group: demo, location: westeurope }
steps:
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - if: failure()
    deploy: { image: ghcr.io/octo/web:v1, aci: { name: checked } }
registries: { ghcr.io: { login: anonymous } }
";
    let program = Program::with_plan(plan);
    let finished = program.run(&["run", "--cloud", &cloud.path.display().to_string()]).exits(3);
    let said = "error: there is no resource group `demo` in subscription ";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    let help = "\n  help: make it with `az group create --name demo --location REGION`, or check its spelling\n";
    assert!(finished.stderr.contains(help), "{}", finished.stderr);
}

#[test]
fn reader_cannot_create_a_resource_group() {
    let mut world = world(&[]);
    world["access"] = json!({ "roles": [{ "role": "Reader" }] });
    let state = state();
    let cloud = LocalCloud::start(state.path(), world);
    let plan = "\
name: checked
azure: { resource-group: fresh, location: westeurope, create: true }
registries: { fresh.azurecr.io: { create: {} } }
steps:
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - tag: fresh.azurecr.io/web:v1
  - push:
";
    let program = Program::with_plan(plan);
    let refused = program.run(&["run", "--cloud", &cloud.path.display().to_string()]).exits(4);
    let action = "to perform action 'Microsoft.Resources/subscriptions/resourceGroups/write'";
    assert!(refused.stderr.contains(action), "{}", refused.stderr);
}

#[test]
fn signal_ends_the_wait_for_a_retry() {
    let state = state();
    let fault = json!({
        "path-contains": "/containerGroups/checked", "status": 503, "retry-after": 100, "times": 9,
    });
    let cloud = LocalCloud::start(state.path(), world(&[fault]));
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
