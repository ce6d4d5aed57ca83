//! `shipway status`: what is deployed, found by the tags of the container groups.

use crate::support::cloud_process::CloudProcess;
use crate::support::servers::Servers;
use crate::support::{Finished, Program};
use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;

const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
vars: { code: 0 }
environments:
  production: { if: \"github.event_name == 'push'\", protected: true, ttl: 36h30m }
  staging: { if: 'false' }
services:
  web:
    steps:
      - build:
          layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }, { from: www, to: /www }]
          entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
      - tag: shop.azurecr.io/web:v1
      - push:
      - deploy: { aci: { name: 'shop-${{ environment.slug }}', dns-label: 'shop-${{ environment.slug }}', ports: [80] } }
  job:
    needs: [web]
    steps:
      - deploy:
          image: shop.azurecr.io/web:v1
          aci: { name: job, command: [/bin/busybox, sh, -c, 'exit ${{ vars.code }}'], restart-policy: never }
";

/// A local cloud, and a plan in a git repository that deploys to it.
pub struct Shop {
    pub program: Program,
    pub cloud: CloudProcess,
}

impl Shop {
    pub fn new() -> Self {
        let cloud = CloudProcess::with_registry("shop");
        let program = Program::with_plan(PLAN)
            .file("www/index.html", "hello")
            .file(".gitignore", "busybox\n.shipway\n")
            .applets();
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "."],
            &["commit", "--quiet", "--message=one"],
            &["remote", "add", "origin", "https://github.com/octo/shop.git"],
        ] {
            git(&program, arguments);
        }
        Self { program, cloud }
    }

    /// Runs a command against the cloud.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        self.program.run(&[arguments, &["--cloud", &cloud]].concat())
    }

    /// Changes a file of the folder.
    pub fn change(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.program.path(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        std::fs::write(&path, change(text)).expect("written");
    }

    /// A text without what differs from run to run. Columns are two blanks apart.
    pub fn same_each_time(text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, replacement) in
            [(r"sha256:[0-9a-f]{12}…", "sha256:DIGEST…"), (r"\b\d+s\b", "Ns"), (r" {2,}", "  ")]
        {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into();
        }
        text
    }
}

/// Commits all that is changed, a minute after the commit before.
pub fn commit_all(program: &Program) {
    git(program, &["add", "."]);
    git_at(program, &["commit", "--quiet", "--message=two"], "2026-11-20T09:01:00Z");
}

/// Git with an author and a time, so that commits are the same each time.
fn git(program: &Program, arguments: &[&str]) {
    git_at(program, arguments, "2026-11-20T09:00:00Z");
}

fn git_at(program: &Program, arguments: &[&str], time: &str) {
    let who = ["-c", "user.name=octo", "-c", "user.email=octo@example.com"];
    let output = Command::new("git")
        .args(["-c", "init.defaultBranch=main"])
        .args(who)
        .args(arguments)
        .current_dir(program.folder())
        .envs([("GIT_AUTHOR_DATE", time), ("GIT_COMMITTER_DATE", time)])
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{output:?}");
}

pub fn commit(program: &Program) -> String {
    let output = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(program.folder())
        .output()
        .expect("git is installed");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn status_shows_what_runs_from_which_commit_and_whether_it_answers() {
    let shop = Shop::new();
    let nothing = shop.run(&["status", "--env", "production"]).exits(0);
    assert_eq!(
        Shop::same_each_time(&nothing.stdout),
        "\
SERVICE  STATE  IMAGE  COMMIT  AGE  EXPIRES  DRIFT  URL
web  not deployed  -  -  -  -  -  -
job  not deployed  -  -  -  -  -  -
"
    );

    shop.run(&["run", "--env", "production"]).exits(0);

    let shown = shop.run(&["status", "--env", "production", "--exit-code"]).exits(0);
    let commit = commit(&shop.program);
    assert_eq!(
        Shop::same_each_time(&shown.stdout).replace(&commit[..7], "COMMIT"),
        "\
SERVICE  STATE  IMAGE  COMMIT  AGE  EXPIRES  DRIFT  URL
web  running  web:v1 sha256:DIGEST…  COMMIT one  Ns  in 36h  none  http://shop-production.westeurope.azurecontainer.io (200)
job  completed, exit code 0  web:v1 sha256:DIGEST…  COMMIT one  Ns  in 36h  none  -
"
    );
    assert_eq!(shown.stderr, "");

    // The tags alone are asked, so another folder without a state shows the same.
    std::fs::remove_dir_all(shop.program.path(".shipway")).expect("a state");
    let again = shop.run(&["status", "--env", "production", "web"]).exits(0);
    assert!(again.stdout.contains("\nweb  "), "{}", again.stdout);
    assert!(!again.stdout.contains("\njob"), "{}", again.stdout);
}

#[test]
fn status_in_json_has_the_tags_of_the_deploy() {
    let shop = Shop::new();
    shop.run(&["run", "--env", "production", "--only", "web"]).exits(0);
    std::fs::write(shop.program.path("www/index.html"), "changed").expect("a file");
    shop.run(&["run", "--env", "staging", "--only", "web"]).exits(0);

    let status = |arguments: &[&str]| -> Value {
        let shown = shop.run(&[&["status", "--output", "json"], arguments].concat()).exits(0);
        serde_json::from_str(&shown.stdout).expect("JSON")
    };
    // A protected environment can be looked at from a tree with changes.
    let production = status(&["--env", "production"]);
    assert_eq!(
        (&production["plan"], &production["environment"], &production["repository"]),
        (&json!("shop"), &json!("production"), &json!("octo/shop"))
    );
    assert_eq!(production["services"][0]["target"]["commit-title"], "one");
    let [web, job] = production["services"].as_array().expect("services").as_slice() else {
        panic!("{production:#}");
    };
    assert_eq!((&job["deployed"], &job["target"]), (&json!(false), &Value::Null));
    assert_eq!(web["well"], true);
    let target = &web["target"];
    let member = |name: &str| target[name].as_str().unwrap_or_default();
    assert_eq!(member("commit"), commit(&shop.program));
    assert_eq!(member("commit-time"), "2026-11-20T09:00:00Z");
    assert_eq!((member("image-tag"), member("state")), ("v1", "Running"));
    assert!(member("digest").starts_with("sha256:"), "{target:#}");
    assert_eq!(target["dirty"], false);
    assert!(member("expires") > member("deployed-at"), "{target:#}");
    assert_eq!(
        target["containers"][0]["image"],
        format!("shop.azurecr.io/web@{}", member("digest"))
    );
    assert_eq!(target["urls"][0]["status"], 200);

    let all = status(&["--all"]);
    let environments: Vec<&Value> = all["services"]
        .as_array()
        .expect("services")
        .iter()
        .map(|service| &service["target"]["environment"])
        .collect();
    assert_eq!(environments, ["production", "staging"]);
    assert_eq!(all["services"][1]["target"]["dirty"], true);
    assert_eq!(all["services"][1]["target"]["expires"], Value::Null);
}

#[test]
fn status_exits_with_7_when_a_service_does_not_run() {
    let shop = Shop::new();
    shop.run(&["run", "--env", "production", "--set", "code=3"]).exits(4);

    let shown = shop.run(&["status", "--env", "production", "job", "--exit-code"]).exits(7);
    assert!(shown.stdout.contains("\njob      ended, exit code 3  "), "{}", shown.stdout);
    shop.run(&["status", "--env", "production", "web", "--exit-code"]).exits(0);
}

#[test]
fn status_exits_with_7_when_a_group_was_changed_since_its_deploy() {
    let shop = Shop::new();
    shop.run(&["run", "--env", "production", "--only", "web"]).exits(0);
    shop.run(&["status", "--env", "production", "web", "--exit-code"]).exits(0);

    // As in the portal: the tags stay as they were.
    let servers = Servers::of(&shop.cloud);
    let path = format!("{}/shop-production", servers.groups_path());
    let mut group = servers.arm(Method::GET, &path, &Value::Null);
    let container = &mut group["properties"]["containers"][0]["properties"];
    container["environmentVariables"] = json!([{ "name": "DEBUG", "value": "1" }]);
    servers.arm(Method::PUT, &path, &group);

    let shown = shop.run(&["status", "--env", "production", "web", "--exit-code"]).exits(7);
    assert!(shown.stdout.contains("  in 36h   changed  http://"), "{}", shown.stdout);
    let shown = shop.run(&["status", "--env", "production", "--output", "json"]).exits(0);
    let document: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(document["services"][0]["target"]["changed-outside"], true);
    assert_eq!(document["services"][0]["well"], false);
}

#[test]
fn status_lists_each_resource_group_once_and_reads_each_group() {
    let shop = Shop::new();
    shop.run(&["run", "--env", "production", "--only", "web"]).exits(0);
    let asked = |arguments: &[&str]| -> Vec<String> {
        let before = shop.cloud.requests().len();
        shop.run(&[arguments, &["--env", "production"]].concat()).exits(0);
        shop.cloud.requests()[before..]
            .iter()
            .filter(|request| request.host == "management.azure.com")
            .map(|request| {
                let path = request.path.split('?').next().unwrap_or_default();
                let end = path.rsplit_once("/resourceGroups").map_or(path, |it| it.1);
                format!("{} …{end}", request.method)
            })
            .collect()
    };
    let list = "GET …/demo/providers/Microsoft.ContainerInstance/containerGroups";
    assert_eq!(asked(&["status"]), [list, &format!("{list}/shop-production")]);
    // Tags and images are in the list.
    assert_eq!(asked(&["status", "--history"]), [list]);
}

#[test]
fn status_needs_an_environment_that_the_plan_has() {
    let program = Program::with_plan(PLAN);
    let refused = program.run(&["status"]).exits(2);
    assert_eq!(
        refused.stderr,
        "error: no environment is chosen\n  help: name one with `--env`, of `production`, `staging`\n"
    );
    let refused = program.run(&["status", "--env", "production", "wb"]).exits(2);
    assert_eq!(refused.stderr, "error: there is no service `wb`\n  help: did you mean `web`?\n");
}
