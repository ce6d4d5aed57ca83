//! Which subscription is used where neither the plan nor the environment names one.

use crate::support::Program;
use crate::support::state::newest;
use shipway::testing::local::CloudFile;

const PLAN: &str = "\
name: unnamed
azure: { resource-group: demo, location: westeurope }
registries: { unnamed.azurecr.io: {} }
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
      entrypoint: [/bin/busybox, sleep, '600']
  - tag: unnamed.azurecr.io/web:v1
  - push:
  - deploy: { aci: { name: live } }
";

#[test]
fn a_deploy_uses_the_only_visible_subscription() {
    let program = Program::with_plan(PLAN).busybox();
    program.run(&["dry-run", "--detach", "--runtime", "built-in"]).exits(0);
    let file = newest(&program, "local").expect("a cloud").join("cloud.json");
    let cloud = CloudFile::read(&file).expect("it is up");
    let named = |(name, _): &(&str, &str)| *name != "AZURE_SUBSCRIPTION_ID";
    let program = cloud
        .variables()
        .filter(named)
        .fold(program, |program, (name, value)| program.env(name, value));

    let finished = program.run(&["run"]);

    program.run(&["local", "stop"]).exits(0);
    finished.exits(0);
}
