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

/// The plan with a deploy, and with this in place of the `create` of its registry.
fn deploying(registry: &str) -> Program {
    let create = "create: { sku: Basic, admin-user: true }";
    let deploy = "  - deploy: { aci: { ports: [80] } }\n";
    let plan = PLAN.replace(create, registry).replace(
        "layers: [{ from: data, to: /data }]",
        "layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, httpd, -f]",
    );
    Program::with_plan(&format!("{plan}{deploy}")).busybox()
}

#[test]
fn deploy_that_could_not_pull_from_a_registry_that_is_created_is_refused() {
    for registry in ["create: { sku: Basic }", "create: { sku: Basic }\n    login: admin"] {
        let program = deploying(registry);
        let refused = program.run(&["dry-run", "--runtime", "built-in"]).exits(3);

        let why = "error: the service could not pull its image from `shipwaycreated.azurecr.io`
  because: no `pull` is set for the registry, and it is created without an admin user
  help: set `pull: { identity: NAME }` under `registries.shipwaycreated.azurecr.io`, a \
                   user-assigned identity with the role AcrPull, or `create: { admin-user: true }`
";
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        assert!(!refused.stderr.contains("creating the registry"), "{}", refused.stderr);
    }
}

#[test]
fn deploy_pulls_from_a_registry_that_is_created() {
    let admin = deploying("create: { sku: Basic, admin-user: true }");
    admin.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    let identity = deploying("create: { sku: Basic }\n    pull: { identity: pull }");
    identity.run(&["dry-run", "--runtime", "built-in"]).exits(0);
}
