//! A container group is not overwritten by what does not own it, and that is said before
//! anything is built.

use crate::support::cloud_process::CloudProcess;
use crate::support::servers::Servers;
use crate::support::{Finished, Program};
use reqwest::Method;
use serde_json::{Value, json};

/// Deploys the container group `shop`.
const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
environments: { production: { protected: true, if: 'false' }, preview: {} }
services:
  web:
    steps:
      - build:
          layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
          entrypoint: [/bin/busybox, sleep, '600']
      - tag: demo.azurecr.io/web:v1
      - push:
      - deploy: { aci: { name: shop, cpu: 0.5, memory: 0.5GB } }
";

fn world() -> Value {
    json!({
        "resource-groups": [{"name": "demo", "location": "westeurope"}],
        "registries": [{
            "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
            "anonymous-pull": true,
        }],
    })
}

fn cloud() -> CloudProcess {
    CloudProcess::start(world())
}

/// A repository at GitHub, or a folder without a remote.
fn checkout(plan: &str, repository: Option<&str>) -> Program {
    let program = Program::with_plan(plan).applets().committed();
    if let Some(repository) = repository {
        let remote = format!("https://github.com/{repository}.git");
        program.git(&["remote", "add", "origin", &remote]);
    }
    program
}

fn run(cloud: &CloudProcess, program: &Program, arguments: &[&str]) -> Finished {
    let path = cloud.path.display().to_string();
    program.run(&[&["run", "--cloud", &path], arguments].concat())
}

/// What a run says that may not deploy, without the id of the run that did.
#[track_caller]
fn refused(cloud: &CloudProcess, program: &Program) -> String {
    refused_with(cloud, program, &[])
}

/// The same of a run with these arguments.
#[track_caller]
fn refused_with(cloud: &CloudProcess, program: &Program, arguments: &[&str]) -> String {
    let before = cloud.requests().len();
    let finished = run(cloud, program, arguments).exits(3);
    let requests = cloud.requests();
    let changing = |method: &str| ["PUT", "PATCH", "DELETE"].contains(&method);
    assert!(
        !requests[before..].iter().any(|it| changing(&it.method)),
        "{:#?}",
        &requests[before..]
    );
    assert!(!finished.stderr.contains("web.build"), "{}", finished.stderr);
    let group = requests.iter().find_map(|it| {
        let (subscription, _) = it.path.strip_prefix("/subscriptions/")?.split_once('/')?;
        Some(subscription.to_owned())
    });
    let start = finished.stderr.find("error: ").unwrap_or_else(|| panic!("{}", finished.stderr));
    let of_error = |line: &&str| line.starts_with("error: ") || line.starts_with("  ");
    let error: String =
        finished.stderr[start..].split_inclusive('\n').take_while(of_error).collect();
    let error = error.replace(&group.expect("a subscription"), "SUBSCRIPTION");
    let error = error.replace(&cloud.path.display().to_string(), "CLOUD");
    let (before, rest) = error.split_once("whose run ").expect("a run");
    let (_, rest) = rest.split_once(' ').expect("an id");
    format!("{before}whose run RUN {rest}")
}

#[test]
fn another_repository_plan_service_or_protected_environment_is_not_overwritten() {
    let cloud = cloud();
    let owner = checkout(PLAN, Some("octo/shop"));
    run(&cloud, &owner, &["--env", "production"]).exits(0);

    insta::assert_snapshot!("owner_environment", refused(&cloud, &owner));
    run(&cloud, &owner, &["--env", "production"]).exits(0);
    let fork = checkout(PLAN, Some("ada/shop"));
    insta::assert_snapshot!("owner_repository", refused(&cloud, &fork));
    let other =
        checkout(&PLAN.replace("name: shop\nazure", "name: docs\nazure"), Some("octo/shop"));
    insta::assert_snapshot!("owner_plan", refused(&cloud, &other));
    let second =
        format!("{}  web: {{ steps: [{{ run: 'true' }}] }}\n", PLAN.replace("  web:", "  api:"));
    insta::assert_snapshot!(
        "owner_service",
        refused(&cloud, &checkout(&second, Some("octo/shop")))
    );
}

#[test]
fn a_folder_without_a_remote_is_no_other_repository() {
    let cloud = cloud();
    run(&cloud, &checkout(PLAN, Some("octo/shop")), &[]).exits(0);
    run(&cloud, &checkout(PLAN, None), &[]).exits(0);
    run(&cloud, &checkout(PLAN, Some("ada/shop")), &[]).exits(0);
}

#[test]
fn a_group_of_another_tool_is_taken_over_with_a_warning() {
    let cloud = cloud();
    let program = checkout(PLAN, None);
    run(&cloud, &program, &["--env", "preview"]).exits(0);
    let servers = Servers::of(&cloud);
    let path = format!("{}/shop", servers.groups_path());
    let mut group = servers.arm(Method::GET, &path, &Value::Null);
    group["tags"] = json!({ "made-by": "az" });
    servers.arm(Method::PUT, &path, &group);

    let cloud_file = cloud.path.display().to_string();
    let plan = program.run(&["plan", "--env", "preview", "--cloud", &cloud_file]).exits(0);
    let told = "! it was not deployed by Shipway, and will be overwritten\n";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
    let warning = "container group `shop` was not deployed by Shipway, and is overwritten";
    let taken = run(&cloud, &program, &["--env", "preview"]).exits(0);
    assert_eq!(taken.stderr.matches(warning).count(), 1, "{}", taken.stderr);
    let again = run(&cloud, &program, &["--env", "preview"]).exits(0);
    assert!(!again.stderr.contains("not deployed by Shipway"), "{}", again.stderr);
}

/// A commit of pull request `number` in its own workflow.
fn of_pull_request(number: u64) -> Program {
    let own = json!({ "full_name": "octo/demo" });
    let program = checkout(PLAN, Some("octo/demo"));
    let head = program.git(&["rev-parse", "HEAD"]);
    let event = json!({
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number, "state": "open", "user": { "login": "ada" },
            "head": { "ref": format!("topic-{number}"), "sha": head, "repo": own },
            "base": { "ref": "main", "sha": head, "repo": own },
        },
        "repository": own,
    });
    program.in_actions("pull_request", &event)
}

#[test]
fn preview_of_another_pull_request_is_not_overwritten() {
    let cloud = cloud();
    let (seven, eight) = (of_pull_request(7), of_pull_request(8));
    let environment = ["--env", "preview"];
    run(&cloud, &seven, &environment).exits(0);
    run(&cloud, &seven, &environment).exits(0);

    insta::assert_snapshot!("owner_pull_request", refused_with(&cloud, &eight, &environment));
    let path = cloud.path.display().to_string();
    let planned = eight.run(&["plan", "--env", "preview", "--cloud", &path]).exits(3);
    let what = "container group `shop` belongs to pull request 7, whose run ";
    assert!(planned.stderr.contains(what), "{}", planned.stderr);

    // What the message offers: the other preview is removed, or its tag is changed.
    let removed = eight.run(&["down", "--pr", "7", "--env", "preview", "--yes", "--cloud", &path]);
    assert_eq!(removed.exits(0).stdout, "removed shop\n");
    run(&cloud, &eight, &environment).exits(0);
    let servers = Servers::of(&cloud);
    let group = format!("{}/shop", servers.groups_path());
    let mut tags = servers.arm(Method::GET, &group, &Value::Null)["tags"].clone();
    tags["shipway-pull-request"] = "7".into();
    servers.arm(Method::PATCH, &group, &json!({ "tags": tags }));
    // Its commit may be of the second before that of the other.
    run(&cloud, &seven, &["--env", "preview", "--allow-older"]).exits(0);
}

/// As from one release branch after the other, each of which has a pull request.
#[test]
fn push_of_a_branch_with_a_pull_request_replaces_what_that_of_another_branch_deployed() {
    let seven = of_pull_request(7);
    let head = seven.git(&["rev-parse", "HEAD"]);
    let mut world = world();
    world["github"] = json!({
        "repository": "octo/demo",
        "pull-request": {
            "number": 8, "head-sha": head, "head-ref": "release/2", "base-ref": "main",
        },
    });
    let cloud = CloudProcess::start(world);
    run(&cloud, &seven, &["--env", "preview"]).exits(0);

    let event = json!({
        "ref": "refs/heads/release/2", "after": head,
        "repository": { "full_name": "octo/demo", "default_branch": "main" },
    });
    let push = seven
        .in_actions("push", &event)
        .env("GITHUB_SHA", &head)
        .env("GITHUB_REF", "refs/heads/release/2")
        .env("GITHUB_REF_NAME", "release/2");
    run(&cloud, &push, &["--env", "preview"]).exits(0);

    let servers = Servers::of(&cloud);
    let group = format!("{}/shop", servers.groups_path());
    let tags = servers.arm(Method::GET, &group, &Value::Null)["tags"].clone();
    assert_eq!(tags["shipway-pull-request"], "8", "{tags}");
    run(&cloud, &push, &["--env", "preview", "--pr", "8"]).exits(0);
}
