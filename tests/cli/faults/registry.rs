//! A registry that fails: what is retried, and what the run prints.

use crate::support::cloud::{LocalCloud, state};
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use shipway::testing::local::LoggedRequest;

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
    let line = |LoggedRequest { method, path, status, .. }: &LoggedRequest| {
        format!("{method} {path} {status}")
    };
    (finished, entries.iter().map(line).collect())
}

#[test]
fn failing_registry_is_retried() {
    let (finished, asked) = pushed("/manifests/v1", 503, 1);
    finished.exits(0).says_in_order(&["\npush   ok "]);
    assert!(asked.iter().any(|line| line.ends_with(" 503")), "{asked:#?}");
    let puts = asked.iter().filter(|line| line.starts_with("PUT /v2/web/manifests/v1 201"));
    assert_eq!(puts.count(), 1, "{asked:#?}");
}

#[test]
fn broken_registry_fails_the_push() {
    let (finished, asked) = pushed("/manifests/v1", 503, 1000);
    finished.exits(4).says_in_order(&[
            "\npush   retry  attempt 1 of 3 failed, next in ",
            "\npush   retry  attempt 2 of 3 failed, next in ",
            "\npush   failed  (",
            "\n    cannot check what `demo.azurecr.io/web` holds\n      HEAD https://demo.azurecr.io/v2/web/manifests/v1: 503\n",
            "\n    help: `demo.azurecr.io` has a fault of its own; try again later\n",
    ]);
    assert!(!asked.iter().any(|line| line.starts_with("PUT ")), "nothing was pushed: {asked:#?}");
}

#[test]
fn refused_push_is_not_retried() {
    let (finished, asked) = pushed("/manifests/v1", 403, 1000);
    let finished = finished.exits(4);
    finished.says_in_order(&[
        "\npush   failed  (",
        ": 403",
        "\n    help: give the identity the role `AcrPush`",
    ]);
    assert!(!finished.stderr.contains("attempt 1"), "{}", finished.stderr);
    let refused = asked.iter().filter(|line| line.starts_with("PUT /v2/web/manifests/v1 403"));
    assert_eq!(refused.count(), 1, "{asked:#?}");
}
