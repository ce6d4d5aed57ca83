//! `shipway sweep`.

use super::{SUBSCRIPTION, Servers, clone, cloud, minutes_from_now, run_id};
use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use serde_json::{Value, json};

/// Groups `shop-a` to `shop-g`, all of one image.
fn plan() -> String {
    let plan = "name: shop
azure: { resource-group: demo, location: westeurope }
registries: { demo.azurecr.io: {} }
report: none
services:
  a:
    steps:
      - build:
          layers: [{ from: busybox, to: /busybox, mode: '0755' }]
          entrypoint: [/busybox, sleep, '600']
      - tag: demo.azurecr.io/shop:v1
      - push:
      - deploy: { aci: { name: shop-a } }
"
    .to_owned();
    let others = ["b", "c", "d", "e", "f", "g"].map(|name| {
        format!(
            "  {name}:
    needs: [a]
    steps: [{{ deploy: {{ image: 'demo.azurecr.io/shop:v1', aci: {{ name: shop-{name} }} }} }}]
"
        )
    });
    plan + &others.concat()
}

/// Tags as a run three days ago would have set them.
fn tags(service: &str, more: &Value) -> Value {
    let mut tags = json!({
        "shipway-plan": "shop", "shipway-run": run_id(73), "shipway-service": service,
        "shipway-environment": "preview", "shipway-repository": "octo/demo",
    });
    for (name, value) in more.as_object().expect("an object") {
        tags[format!("shipway-{name}")] = value.clone();
    }
    tags
}

/// Seven groups: three can go, two stay, and two belong to others.
fn scene() -> (Program, CloudProcess) {
    scene_with(&json!([]))
}

/// The same where requests fail.
fn scene_with(faults: &Value) -> (Program, CloudProcess) {
    let program = clone(&plan());
    let pull = |number: u64, state: &str| {
        json!({
            "number": number, "state": state, "head-sha": "a".repeat(40),
            "head-ref": format!("topic-{number}"), "base-ref": "main",
            "closed-at": minutes_from_now(-49 * 60),
        })
    };
    let github = json!({ "pull-request": pull(9, "open"), "pull-requests": [pull(7, "closed")] });
    let cloud = cloud(&github, faults);
    let path = cloud.path.display().to_string();
    program.run(&["run", "--cloud", &path]).exits(0);
    let servers = Servers::of(&cloud);
    let late = minutes_from_now(5 * 60 + 30);
    for (service, more) in [
        ("a", json!({ "pull-request": "7", "expires": late })),
        ("b", json!({ "pull-request": "9", "expires": minutes_from_now(-3 * 60 - 30) })),
        ("c", json!({ "branch": "old", "expires": late })),
        ("d", json!({ "pull-request": "9", "expires": late })),
        ("e", json!({ "pull-request": "11" })),
        ("f", json!({ "pull-request": "7", "repository": "octo/other" })),
    ] {
        servers.tag(&format!("shop-{service}"), &tags(service, &more));
    }
    servers.tag("shop-g", &json!({ "team": "web", "pull-request": "7" }));
    (program, cloud)
}

const TABLE: &str = "\
CONTAINER GROUP  SERVICE  AGE  ACTION  WHY
shop-a           a        3d   remove  pull request 7 was closed 2d ago
shop-b           b        3d   remove  expired 3h ago, pull request 9 is open
shop-c           c        3d   remove  branch `old` is gone
shop-d           d        3d   keep    pull request 9 is open, expires in 5h
shop-e           e        3d   keep    the state of pull request 11 is not known: GitHub answered 404
";

#[test]
fn three_previews_go_and_two_stay() {
    let (program, cloud) = scene();
    let servers = Servers::of(&cloud);
    let path = cloud.path.display().to_string();
    let sweep = |more: &[&str]| program.run(&[&["sweep", "--cloud", &path], more].concat());

    let listed = sweep(&["--dry-run"]).exits(0);
    assert_eq!(
        (listed.stdout.as_str(), listed.stderr.as_str()),
        (TABLE, "3 of 5 previews can go\n")
    );
    let refused = sweep(&[]).exits(2);
    assert_eq!(
        refused.stderr,
        format!(
            "{TABLE}3 of 5 previews can go
error: cannot remove 3 container groups without a confirmation
  because: there is no terminal to ask in
  help: add `--yes`
"
        )
    );
    assert_eq!(servers.groups().len(), 7);

    let swept = sweep(&["--yes"]).exits(0);
    assert_eq!(swept.stdout, "removed shop-a\nremoved shop-b\nremoved shop-c\n");
    assert_eq!(
        swept.stderr,
        format!("{TABLE}3 of 5 previews can go\nremoved 3 container groups\n")
    );
    assert_eq!(servers.groups(), ["shop-d", "shop-e", "shop-f", "shop-g"]);
}

#[test]
fn a_sweep_needs_no_plan_and_stops_at_its_limit() {
    let (_, cloud) = scene();
    let servers = Servers::of(&cloud);
    let path = cloud.path.display().to_string();
    let subscription = servers.file.subscription_id.clone();
    let elsewhere = Program::new();
    let place = ["--repository", "octo/demo", "--subscription", &subscription, "--cloud", &path];

    let swept = elsewhere
        .run(&[&["sweep", "--yes", "--max", "1", "--output", "json"], &place[..]].concat());
    let json: Value = serde_json::from_str(&swept.exits(0).stdout).expect("JSON");
    let row = |name: &str| {
        let all = json["groups"].as_array().expect("a list").iter();
        all.filter(|group| group["name"] == name).collect::<Vec<_>>()[0].clone()
    };
    assert_eq!(row("shop-a")["result"], "removed");
    assert_eq!(
        (row("shop-b")["action"].clone(), row("shop-b")["reason"].clone()),
        (
            json!("keep"),
            json!("expired 3h ago, pull request 9 is open, and `--max 1` others go first")
        )
    );
    assert_eq!(servers.groups().len(), 6);

    let unknown = elsewhere.run(&["sweep"]).exits(2);
    assert_eq!(
        unknown.stderr,
        "error: cannot tell which previews are meant, because no repository is named
  help: add `--repository OWNER/NAME`, or run in a clone of it
"
    );
}

#[test]
fn a_sweep_does_without_a_plan_that_has_mistakes() {
    let (program, cloud) = scene();
    std::fs::write(program.path("shipway.yml"), "name: shop\nsteps: [\n").expect("written");
    let path = cloud.path.display().to_string();

    let listed = program.run(&["sweep", "--dry-run", "--cloud", &path]).exits(0);

    assert_eq!(
        (listed.stdout.as_str(), listed.stderr.as_str()),
        (
            TABLE,
            "note: the plan `shipway.yml` cannot be read, so the subscription is chosen without \
             it; `shipway check` says why\n3 of 5 previews can go\n"
        )
    );
    let named = ["sweep", "--dry-run", "--plan", "shipway.yml", "--cloud", &path];
    program.run(&named).exits(2);
}

#[test]
fn a_sweep_that_may_not_list_the_subscription_says_where_it_looked() {
    let (program, cloud) = scene_with(&json!([{
        "method": "GET", "host": "management.azure.com", "times": 100,
        "path-contains": format!(
            "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerInstance/containerGroups"
        ),
        "status": 403, "code": "AuthorizationFailed", "message": "the client may not list",
    }]));
    let path = cloud.path.display().to_string();

    let listed = program.run(&["sweep", "--dry-run", "--cloud", &path]).exits(0);

    assert_eq!(listed.stdout, TABLE);
    assert_eq!(
        listed.stderr,
        "note: only the resource groups of the plan were searched, because Azure refused to list \
         the others: cannot list the container groups: management.azure.com answered 403 \
         `AuthorizationFailed`: the client may not list\n3 of 5 previews can go\n"
    );
    assert_eq!(Servers::of(&cloud).groups().len(), 7);
}
