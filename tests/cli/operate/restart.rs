//! `shipway restart`: what runs is started again, as it is deployed, and verified.

use crate::cli::apps::{self, ShopCloud};
use crate::cli::operate::status::{Shop, commit};
use crate::support::servers::Servers;
use crate::support::state::{journal, output};
use reqwest::Method;
use serde_json::{Value, json};

/// When the container of a group was started.
fn started(shop: &Shop, group: &str) -> String {
    let servers = Servers::of(&shop.cloud);
    let path = format!("{}/{group}", servers.groups_path());
    let found = servers.arm(Method::GET, &path, &Value::Null);
    let container = &found["properties"]["containers"][0]["properties"];
    let state = &container["instanceView"]["currentState"];
    state["startTime"].as_str().expect("a time").to_owned()
}

const VERIFIED: &str = "      - verify: { http: /, within: 20s, every: 100ms }\n  job:";

fn verified_shop() -> Shop {
    let shop = Shop::new();
    shop.change("shipway.yml", |plan| plan.replacen("  job:", VERIFIED, 1));
    crate::cli::operate::status::commit_all(&shop.program);
    shop
}

#[test]
fn services_are_restarted_in_the_order_of_needs_and_verified() {
    let shop = verified_shop();
    shop.run(&["run", "--env", "production"]).exits(0);
    let before = started(&shop, "shop-production");
    // What is not committed changes nothing.
    shop.change("www/index.html", |_| "other".to_owned());

    let finished = shop.run(&["restart", "--env", "production"]).exits(0);

    assert_ne!(started(&shop, "shop-production"), before);
    let commit = commit(&shop.program);
    let shown = Shop::same_each_time(&finished.stderr).replace(&commit[..7], "COMMIT");
    assert!(
        shown.starts_with(
            "\
SERVICE  RESTARTS  COMMIT  DEPLOYED
web  container group shop-production  COMMIT  Ns ago
job  container group job  COMMIT  Ns ago
"
        ),
        "{shown}"
    );
    for said in [
        "restarting container group `shop-production`, which stays as it was deployed\n",
        "Azure accepted the restart\n",
        "http://shop-production.westeurope.azurecontainer.io/ answers 200\n",
        "restarting container group `job`, which stays as it was deployed\n",
    ] {
        assert!(finished.stderr.contains(said), "{said}{}", finished.stderr);
    }
    // The tags are those of the run that deployed, and no run holds the group.
    let servers = Servers::of(&shop.cloud);
    let path = format!("{}/shop-production", servers.groups_path());
    let found = servers.arm(Method::GET, &path, &Value::Null);
    assert_eq!(found["tags"]["shipway-commit"], commit.as_str());
    assert_eq!(found["tags"]["shipway-lease"], Value::Null);
    assert_eq!(found["tags"]["shipway-verified"], "true");
    let steps: Vec<Value> = journal(&shop.program)
        .into_iter()
        .filter(|entry| entry["entry"] == "step-succeeded")
        .map(|entry| entry["step"].clone())
        .collect();
    assert_eq!(steps, [json!({ "service": "job", "step": "deploy" })]);
}

/// The id of a run that began at 2025-12-31T12:00:00Z.
const OTHER: &str = "01kdt4eyg0000000000000000a";

#[test]
fn restart_waits_for_a_run_that_deploys() {
    let shop = verified_shop();
    shop.run(&["run", "--env", "production"]).exits(0);
    let servers = Servers::of(&shop.cloud);
    let path = format!("{}/shop-production", servers.groups_path());
    let mut tags = servers.arm(Method::GET, &path, &Value::Null)["tags"].clone();
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    tags["shipway-lease"] = format!("{OTHER} until {until}").into();
    servers.arm(Method::PATCH, &path, &json!({ "tags": tags }));

    let finished =
        shop.run(&["restart", "web", "--env", "production", "--output", "json"]).exits(0);

    let events: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event a line"))
        .collect();
    assert_eq!(events[0]["event"], "run-started");
    assert_eq!(events[events.len() - 1]["event"], "run-finished");
    let waits =
        format!("waiting for run {OTHER} to end its deploy of container group `shop-production`");
    let is_it = |event: &&Value| event["message"] == waits.as_str();
    assert_eq!(events.iter().filter(is_it).count(), 1, "{}", finished.stdout);
}

#[test]
fn restart_refuses_what_is_not_there_or_not_named() {
    let shop = Shop::new();
    let cloud = shop.cloud.path.display().to_string();
    let said = |arguments: &[&str], code| {
        let finished = shop.run(&[&["restart"], arguments].concat()).exits(code);
        finished.stderr.replace(&cloud, "CLOUD")
    };
    let help = "`shipway run --env production --cloud CLOUD` deploys it; another environment is \
                named with `--env`";
    assert_eq!(
        said(&["web", "--env", "production"], 3),
        format!("error: `web` is not deployed in `production`\n  help: {help}\n")
    );
    assert_eq!(
        said(&["--env", "production"], 3),
        format!("error: nothing that `shop` deployed in `production` is there\n  help: {help}\n")
    );
    assert_eq!(
        said(&["webb", "--env", "production"], 2),
        "error: there is no service `webb`\n  help: did you mean `web`?\n"
    );
    assert_eq!(
        said(&[], 2),
        "error: no environment is chosen\n  help: name one with `--env`, of `production`, \
         `staging`\n"
    );
}

#[test]
fn service_that_does_not_come_up_again_ends_the_restart() {
    let shop = verified_shop();
    shop.run(&["run", "--env", "production"]).exits(0);
    shop.change("shipway.yml", |plan| {
        plan.replacen("http: /, within: 20s", "http: /gone, within: 1s", 1)
    });

    let finished = shop.run(&["restart", "--env", "production"]).exits(4);

    assert!(
        finished.stderr.contains("\n      the status is 404, not below 400\n"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.ends_with("not restarted: `job`\n"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("was not changed"), "{}", finished.stderr);
    let servers = Servers::of(&shop.cloud);
    let path = format!("{}/shop-production", servers.groups_path());
    let found = servers.arm(Method::GET, &path, &Value::Null);
    assert_eq!(found["tags"]["shipway-lease"], Value::Null, "the next run need not wait");
    assert_eq!(found["tags"]["shipway-verified"], Value::Null, "its check has failed since");
    let status = shop.run(&["status", "--env", "production", "--exit-code"]);
    assert!(status.stdout.contains("running, not verified"), "{}", status.stdout);
}

#[test]
fn resume_of_a_restart_says_that_the_group_was_removed() {
    let shop = verified_shop();
    shop.run(&["run", "--env", "production"]).exits(0);
    shop.change("shipway.yml", |plan| {
        plan.replacen("http: /, within: 20s", "http: /gone, within: 1s", 1)
    });
    shop.run(&["restart", "web", "--env", "production"]).exits(4);
    shop.run(&["down", "--env", "production", "--yes"]).exits(0);

    let finished = shop.program.run(&["resume", "--changed-plan"]).exits(4);

    let cloud = shop.cloud.path.display().to_string();
    let said = finished.stderr.replace(&cloud, "CLOUD");
    let error = "container group `shop-production` is not there any more
      it was removed since it was deployed
";
    assert!(said.contains(error), "{said}");
    let help = "`shipway run --env production --cloud CLOUD` deploys it\n";
    assert!(said.contains(help), "{said}");
    assert!(!said.contains("give it longer"), "{said}");
}

#[test]
fn app_is_restarted_by_its_revision() {
    let (cloud, program) = (ShopCloud::start(), apps::shop(apps::PLAN));
    cloud.run(&program, &["run"]).exits(0);
    // No secret of the deploy is read.
    let program = program.env("THE_TOKEN", "");

    let finished = cloud.run(&program, &["restart"]).exits(0);

    assert!(
        finished.stderr.contains("restarting app `shop`, which stays as it was deployed\n"),
        "{}",
        finished.stderr
    );
    let url = output(&program, 0, "url");
    assert_eq!(cloud.get(&url), (200, format!("good token {}\n", apps::TOKEN)));
}

#[test]
fn code_of_a_fork_restarts_nothing() {
    let shop = Shop::new();
    let program = shop.program.in_actions(
        "pull_request",
        &json!({
            "action": "synchronize", "number": 7,
            "pull_request": {
                "number": 7, "state": "open",
                "head": { "sha": "4e1d2aa", "ref": "topic", "repo": { "full_name": "evil/shop", "fork": true } },
                "base": { "ref": "main", "repo": { "full_name": "octo/demo" } },
            },
            "repository": { "full_name": "octo/demo" },
        }),
    );
    let cloud = shop.cloud.path.display().to_string();
    let finished = program.run(&["restart", "--env", "production", "--cloud", &cloud]).exits(3);
    assert_eq!(
        finished.stderr,
        "error: cannot restart what runs\n  because: the code is a fork's, or may be, and changes \
         nothing that is deployed\n  help: restart it in a checkout of the base branch\n"
    );
}
