//! What goes wrong in the world ends in a clear message and exit code 4.

use crate::support::cloud::{LocalCloud, state};
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use shipway::testing::local::Entry;

/// A plan that runs busybox with these arguments, and its dry run.
fn deployed(arguments: &str, more: &str) -> Finished {
    let plan = format!(
        "name: faulty
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build:
      layers: [{{ from: busybox, to: /bin/busybox, mode: '0755' }}]
      entrypoint: [/bin/busybox, {arguments}]
  - tag: demo.azurecr.io/web:v1
  - push:
  - deploy: {{ aci: {{ dns-label: faulty, ports: [80], {more} }} }}
  - verify: {{ http: /, within: 2s, every: 100ms }}
"
    );
    Program::with_plan(&plan).busybox().run(&["dry-run", "--runtime", "built-in"]).exits(4)
}

/// All of these, in this order.
#[track_caller]
fn says(finished: &Finished, parts: &[&str]) {
    let mut rest = finished.stderr.as_str();
    for part in parts {
        let found = rest.find(part);
        let found = found.unwrap_or_else(|| panic!("no `{part}` in\n{}", finished.stderr));
        // The end of one line is the beginning of the next.
        rest = &rest[found + part.trim_end().len()..];
    }
}

#[test]
fn a_container_that_ends_at_once_shows_its_last_lines() {
    let finished = deployed("sh, -c, 'echo no database; exit 3'", "restart-policy: never");
    says(
        &finished,
        &[
            // Seen by the deploy or, where the machine is slow, by what verifies it.
            "  failed  (",
            "\n    | ",
            "\n    |   no database\n",
            "\n    | faulty: failed (dry run)\n",
            "\n    |     |   no database\n",
        ],
    );
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_container_that_crashes_again_and_again_is_not_waited_for() {
    let finished = deployed("sh, -c, 'echo no database; exit 3'", "restart-policy: always");
    says(
        &finished,
        &[
            "container `faulty` does not run: ",
            "\n    | now: Waiting, CrashLoopBackOff: Back-off ",
            "\n    | before: Terminated, exit code 3, Error\n    | restarts: ",
            "\n    | its last lines:\n    |   no database\n",
            "\n    help: ",
        ],
    );
}

#[test]
fn a_container_that_never_listens_fails_its_verification() {
    let finished = deployed("sleep, '600'", "restart-policy: always");
    says(
        &finished,
        &[
            "deploy  ok",
            "verify  failed",
            "http://faulty.westeurope.azurecontainer.io/ did not answer as expected within 2 s",
            "\n    | > GET /\n",
            "\n    | container group `faulty`: Running\n",
            "\n    | container `faulty` wrote nothing\n",
        ],
    );
}

#[test]
fn a_dns_label_that_is_taken_is_named() {
    let service = |name: &str, needs: &str| {
        format!(
            "  {name}:
    needs: [{needs}]
    steps:
      - build:
          layers: [{{ from: busybox, to: /bin/busybox, mode: '0755' }}]
          entrypoint: [/bin/busybox, httpd, -f, -p, '80']
      - tag: demo.azurecr.io/{name}:v1
      - push:
      - deploy: {{ aci: {{ name: {name}, dns-label: the-same, ports: [80] }} }}
"
        )
    };
    let plan = format!(
        "name: taken
azure: {{ resource-group: demo, location: westeurope }}
services:
{}{}",
        service("one", ""),
        service("two", "one")
    );
    let program = Program::with_plan(&plan).busybox();
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);

    says(&finished, &["one.deploy  ok", "two.deploy  failed", "the-same", "\n    help: "]);
    assert_eq!(finished.stdout, "http://the-same.westeurope.azurecontainer.io\n");
}

const PUSH: &str = "\
name: pushed
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers: [{ from: shipway.yml, to: /shipway.yml }]
  - tag: demo.azurecr.io/web:v1
  - push:
    retry: { attempts: 3, backoff: 10ms..20ms }
";

/// Pushes to a registry that answers requests for this path with a fault.
/// What the cloud was asked comes with it, `METHOD path status`.
fn pushed(path: &str, status: u16, times: u32) -> (Finished, Vec<String>) {
    let state = state();
    let fault: Value = json!({
        "host": "demo.azurecr.io", "path-contains": path, "status": status, "times": times,
    });
    let cloud = LocalCloud::start(
        state.path(),
        json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
            }],
            "faults": [fault],
        }),
    );
    let program = Program::with_plan(PUSH);
    let finished = program.run(&["run", "--cloud", &cloud.path.display().to_string()]);
    let entries = cloud.requests();
    let line = |Entry { method, path, status, .. }: &Entry| format!("{method} {path} {status}");
    (finished, entries.iter().map(line).collect())
}

#[test]
fn a_registry_that_falters_is_tried_again() {
    let (finished, asked) = pushed("/manifests/v1", 503, 1);
    says(&finished.exits(0), &["\npush   ok "]);
    assert!(asked.iter().any(|line| line.ends_with(" 503")), "{asked:#?}");
    let puts = asked.iter().filter(|line| line.starts_with("PUT /v2/web/manifests/v1 201"));
    assert_eq!(puts.count(), 1, "{asked:#?}");
}

#[test]
fn a_registry_that_stays_broken_fails_the_push() {
    let (finished, asked) = pushed("/manifests/v1", 503, 1000);
    says(
        &finished.exits(4),
        &[
            "\npush   retry  attempt 1 of 3 failed, next in ",
            "\npush   retry  attempt 2 of 3 failed, next in ",
            "\npush   failed  (",
            "\n    ask what `demo.azurecr.io/web` holds\n      HEAD https://demo.azurecr.io/v2/web/manifests/v1: 503\n",
            "\n    help: `demo.azurecr.io` has a fault of its own; try again later\n",
        ],
    );
    assert!(!asked.iter().any(|line| line.starts_with("PUT ")), "nothing was pushed: {asked:#?}");
}

#[test]
fn a_registry_that_refuses_is_not_asked_again() {
    let (finished, asked) = pushed("/manifests/v1", 403, 1000);
    let finished = finished.exits(4);
    says(
        &finished,
        &["\npush   failed  (", ": 403", "\n    help: give the identity the role `AcrPush`"],
    );
    assert!(!finished.stderr.contains("attempt 1"), "{}", finished.stderr);
    let refused = asked.iter().filter(|line| line.starts_with("PUT /v2/web/manifests/v1 403"));
    assert_eq!(refused.count(), 1, "{asked:#?}");
}
