//! Which versions are recorded as verified.

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use serde_json::{Value, json};
use std::fs;

/// A plan that deploys a server of `folder`, and then does what `after` says.
fn plan(folder: &str, after: &str) -> String {
    format!(
        "name: shop
azure: {{ resource-group: demo, location: westeurope }}
report: none
steps:
  - build:
      layers: [{{ from: busybox, to: /busybox, mode: '0755' }}]
      entrypoint: [/busybox, httpd, -f, -h, {folder}, -p, '80']
  - tag: demo.azurecr.io/shop:v1
  - push:
  - deploy: {{ aci: {{ name: shop, ports: [80] }} }}
{after}"
    )
}

#[test]
fn version_of_a_later_run_is_not_recorded_as_verified_by_an_earlier_one() {
    let cloud = CloudProcess::start(json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{
            "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
            "anonymous-pull": true,
        }],
    }));
    let (shipway, file) = (env!("CARGO_BIN_EXE_shipway"), cloud.path.display().to_string());
    let later = plan(
        "/x",
        "  - { verify: { tcp: '9', within: 100ms, every: 50ms }, continue-on-error: true }\n",
    );
    let earlier = plan(
        "/",
        &format!(
            "  - run: [{shipway}, run, later.yml, --cloud, '{file}', --state-dir, later]
  - verify: {{ tcp: '80', within: 20s, every: 100ms }}
"
        ),
    );
    let program = Program::with_plan(&earlier).file("later.yml", &later).applets();

    let finished = program.run(&["run", "--cloud", &file]).exits(0);

    let run = fs::read_dir(program.path("later/runs")).expect("a folder").flatten().next();
    let run = run.expect("a run").file_name().to_string_lossy().into_owned();
    finished.says_in_order(&[&format!(
        "\nverify  warning  a later rollback will not know that this was verified: run {run} has \
         deployed since\n"
    )]);
    let state = fs::read_to_string(cloud.state().join("arm/resources.json")).expect("a state");
    let state: Value = serde_json::from_str(&state).expect("JSON");
    let tags = &state["container-groups"]["demo/shop"]["body"]["tags"];
    assert_eq!(tags["shipway-run"], json!(run), "{state:#}");
    assert_eq!(tags["shipway-verified"], Value::Null, "{tags:#}");
}
