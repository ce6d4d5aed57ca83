//! What Azure alone would refuse after build and push is known before the first step.

use crate::cli::apps::{self, ShopCloud};
use crate::cli::operate::status::{Shop, commit, commit_all};
use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use serde_json::{Value, json};

const REGISTRY: &str =
    "resourceGroups/demo/providers/Microsoft.ContainerRegistry/registries/shopimages";
const IDENTITY: &str =
    "resourceGroups/demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-pull";

/// The deploy is checked and never made.
const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
registries: { shopimages.azurecr.io: { pull: { identity: shop-pull } } }
steps:
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - tag: shopimages.azurecr.io/shop:v1
  - push:
  - if: failure()
    deploy: { aci: { name: shop-web } }
";

/// A cloud in which the identity that pulls has these roles beside those of the deploy.
fn cloud(roles: &[Value]) -> Value {
    let own = [
        json!({ "role": "Contributor", "scope": "resourceGroups/demo" }),
        json!({ "role": "AcrPush", "scope": REGISTRY }),
        // Who may not list the subscription does not find the registry, and is not refused.
        json!({ "role": "Reader" }),
        json!({ "role": "Reader", "scope": IDENTITY, "identity": IDENTITY }),
    ];
    let all = [&own[..], roles].concat();
    json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{
            "host": "shopimages.azurecr.io", "name": "shopimages", "resource-group": "demo",
        }],
        "access": { "roles": all },
    })
}

#[test]
fn registry_of_the_resource_group_is_found_where_the_subscription_may_not_be_listed() {
    let state = state();
    let mut described = cloud(&[]);
    let roles = described["access"]["roles"].as_array_mut().expect("a list");
    roles.retain(|role| *role != json!({ "role": "Reader" }));
    let cloud = LocalCloud::start(state.path(), described);
    let program = Program::with_plan(PLAN);

    let refused = program.run(&["run", "--cloud", &cloud.path.display().to_string()]).exits(3);

    refused.says_in_order(&[
        "error: the service could not pull its image from `shopimages.azurecr.io`\n",
        "  because: the identity `shop-pull` has no role on the registry\n",
    ]);
}

#[test]
fn app_in_another_environment_is_refused_before_the_push() {
    let (cloud, program) = (ShopCloud::start(), apps::shop(apps::PLAN));
    cloud.run(&program, &["run"]).exits(0);
    let plan = apps::PLAN.replace("environment: shop", "environment: other");
    std::fs::write(program.path("shipway.yml"), plan).expect("written");

    let refused = cloud.run(&program, &["run"]).exits(3);

    let of = "/providers/Microsoft.App/managedEnvironments";
    refused.says_in_order(&[
        "error: cannot update app `shop`: Azure does not move it to another environment\n  because: it \
         is in /subscriptions/",
        &format!("{of}/shop, and the plan names /subscriptions/"),
        &format!(
            "{of}/other\n  help: name that environment, or delete the app, or give it another \
             `name`\n"
        ),
    ]);
    assert!(!refused.stderr.contains("started"), "{}", refused.stderr);
}

#[test]
fn identity_without_a_role_on_the_registry_is_refused_before_the_push() {
    let state = state();
    let cloud = LocalCloud::start(state.path(), cloud(&[]));
    let program = Program::with_plan(PLAN);

    let refused = program.run(&["run", "--cloud", &cloud.path.display().to_string()]).exits(3);

    let scope = format!("/subscriptions/{}/{REGISTRY}", cloud.file.subscription_id);
    refused.says_in_order(&[
        "error: the service could not pull its image from `shopimages.azurecr.io`\n",
        "  because: the identity `shop-pull` has no role on the registry\n",
        "  help: give it one: `az role assignment create --assignee-object-id ",
        &format!(
            " --assignee-principal-type ServicePrincipal --role AcrPull --scope {scope}`; \
             `shipway doctor` shows what else is missing\n"
        ),
    ]);
    let uploads = cloud.requests().into_iter().filter(|it| it.path.contains("/blobs/uploads"));
    assert_eq!(uploads.count(), 0);
}

#[test]
fn identity_with_a_role_on_the_registry_passes() {
    let state = state();
    let role = json!({ "role": "AcrPull", "scope": REGISTRY, "identity": IDENTITY });
    let cloud = LocalCloud::start(state.path(), cloud(&[role]));
    let program = Program::with_plan(PLAN);

    program.run(&["run", "--cloud", &cloud.path.display().to_string()]).exits(0);

    let asked = cloud.requests();
    let of_identity = asked.iter().filter(|it| it.path.contains("userAssignedIdentities/"));
    assert_eq!(of_identity.count(), 1, "once for the login, and for its role");
}

#[test]
fn replacement_that_a_protected_environment_forbids_is_refused_before_the_build() {
    let shop = Shop::new();
    shop.run(&["run", "--env", "production", "--only", "web"]).exits(0);
    shop.change("shipway.yml", |plan| plan.replace("ports: [80] }", "ports: [80], cpu: 2 }"));
    commit_all(&shop.program);

    let planned = shop.run(&["plan", "--env", "production", "--only", "web"]).exits(0);

    let forbidden = "-/+ cannot be changed in place, and `replace: never` forbids more (the \
                     default of the protected environment `production`)\n";
    assert!(planned.stdout.contains(forbidden), "{}", planned.stdout);
    assert!(planned.stdout.ends_with("Plan: 1 that will be refused.\n"), "{}", planned.stdout);
    shop.run(&["plan", "--env", "production", "--only", "web", "--exit-code"]).exits(3);
    let refused = shop.run(&["run", "--env", "production", "--only", "web"]).exits(3);
    refused.says_in_order(&[
        "error: cannot update container group `shop-production`: Azure does not change `cpu` from \
         1 to 2 in place\n",
        "  because: `replace: never`, the default of the protected environment `production`, \
         forbids to replace it\n",
        "  help: allow `replace: when-required`, which deletes the group and creates it again, \
         with a minute without service\n",
    ]);
    assert!(!refused.stderr.contains("build "), "{}", refused.stderr);
}

#[test]
fn version_that_failed_its_check_is_named_with_the_way_back() {
    let shop = Shop::new();
    shop.run(&["run", "--env", "production", "--only", "web"]).exits(0);
    let good = commit(&shop.program);
    shop.change("shipway.yml", |plan| {
        plan.replace(
            "ports: [80] } }\n  job:",
            "ports: [80] } }\n      - verify: { http: /nope, within: 1s }\n  job:",
        )
    });
    shop.change("www/index.html", |_| "changed".to_owned());
    commit_all(&shop.program);
    let bad = commit(&shop.program);

    let failed = shop.run(&["run", "--env", "production", "--only", "web"]).exits(4);

    failed.says_in_order(&[
        "help: change the path of `verify`, which the program does not have; ask by hand what it \
         answers, through the proxy that `shipway local` has printed\n",
        &format!(
            "`web` runs commit {}, which is not verified: `shipway rollback web --env production",
            &bad[..7]
        ),
        &format!("` puts commit {} back\n", &good[..7]),
    ]);
    let shown = shop.run(&["status", "web", "--env", "production", "--exit-code"]).exits(7);
    assert!(shown.stdout.contains("  running, not verified  "), "{}", shown.stdout);
    assert!(shown.stdout.contains(".azurecontainer.io/nope (404)\n"), "{}", shown.stdout);
}
