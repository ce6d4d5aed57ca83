//! `create` of a registry.

use crate::support::Program;

const PLAN: &str = "\
name: created
azure: { resource-group: demo, location: westeurope }
registries:
  shipwaycreated.azurecr.io:
    create: { sku: Basic, admin-user: true }
steps:
  - build:
      layers: [{ from: data, to: /data }]
  - tag: shipwaycreated.azurecr.io/data:v1
  - push:
";

#[test]
fn registry_is_created_though_its_admin_user_is_to_sign_in() {
    let program = Program::with_plan(&PLAN.replace("    create:", "    login: admin\n    create:"))
        .file("data/one", "1");
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);
    let made = "creating the registry `shipwaycreated` in westeurope";
    assert!(finished.stderr.contains(made), "{}", finished.stderr);
}

#[test]
fn missing_registry_is_created_before_the_push() {
    let program = Program::with_plan(PLAN).file("data/one", "1");
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    let made = "creating the registry `shipwaycreated` in westeurope";
    assert!(finished.stderr.contains(made), "{}", finished.stderr);
}
