//! `on-failure: rollback`: a deploy that fails, or whose service fails before its last
//! verify, gives way to what ran before.

use crate::support::cloud_process::CloudProcess;
use crate::support::state::{journal, newest, result};
use crate::support::{Finished, Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// Answers every request with its token, ends at once, or answers 500.
const SERVER: &str = r#"
use std::io::{Read, Write};
fn main() {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let (mode, token) = (var("MODE"), var("TOKEN"));
    if mode == "crash" {
        println!("no database");
        std::process::exit(3);
    }
    let listener = std::net::TcpListener::bind("0.0.0.0:80").expect("a free port");
    for mut stream in listener.incoming().flatten() {
        let status = if mode == "bad" { "500 Internal Server Error" } else { "200 OK" };
        let body = format!("token {token}\n");
        drop(stream.read(&mut [0; 4096]));
        let length = body.len();
        drop(write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ));
    }
}
"#;

const PLAN: &str = "\
name: shop
vars: { mode: good, cpu: 1 }
azure: { resource-group: demo, location: westeurope }
secrets: { token: { env: THE_TOKEN } }
report: [comment]
steps:
  - build:
      layers: [{ from: server, to: /server, mode: '0755' }]
      entrypoint: [/server]
      env: { MODE: '${{ vars.mode }}' }
  - tag: { image: demo.azurecr.io/shop, tags: ['${{ vars.mode }}'] }
  - push:
  - deploy:
      aci:
        dns-label: shop-demo
        ports: [80]
        cpu: ${{ vars.cpu }}
        replace: never
        env: { TOKEN: '${{ secrets.token }}' }
        on-failure: rollback
  - verify: { http: /, within: 2s, every: 100ms }
";

const TOKEN: &str = "a-t0ken-of-the-shop";
const URL: &str = "http://shop-demo.westeurope.azurecontainer.io";

/// The local cloud that the shop is deployed to.
struct ShopCloud {
    process: CloudProcess,
}

impl ShopCloud {
    fn start() -> Self {
        Self::with_head("4e1d2aa")
    }

    /// Whose pull request 1 has this commit.
    fn with_head(head: &str) -> Self {
        Self::with(head, &json!([]))
    }

    fn with(head: &str, faults: &Value) -> Self {
        let process = CloudProcess::start(json!({
            "faults": faults,
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "admin-user": true,
            }],
            "github": {
                "repository": "octo/shop", "token": "t0ken-of-github",
                "pull-request": {
                    "number": 1, "head-sha": head, "head-ref": "change", "base-ref": "main",
                },
            },
        }));
        Self { process }
    }

    fn path(&self) -> String {
        self.process.path.display().to_string()
    }

    /// The status and the body of the answer, through the cloud's proxy.
    fn get(&self, url: &str, token: &str) -> (u16, String) {
        let client = self.process.client();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let answer = client.get(url).bearer_auth(token).send().await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    }

    /// What the service answers.
    fn service(&self) -> (u16, String) {
        self.get(URL, "")
    }

    /// The comment on the pull request.
    fn comment(&self) -> String {
        let url = "https://api.github.com/repos/octo/shop/issues/1/comments";
        let (_, text) = self.get(url, "t0ken-of-github");
        let comments: Value = serde_json::from_str(&text).expect("JSON");
        comments[0]["body"].as_str().unwrap_or_else(|| panic!("no comment: {text}")).to_owned()
    }

    /// The state and the tags of the container group; `null` without one.
    fn group(&self) -> Value {
        let path = self.process.state().join("arm/resources.json");
        let content = fs::read_to_string(path).unwrap_or_default();
        let content: Value = serde_json::from_str(&content).unwrap_or_default();
        content["container-groups"]["demo/shop-demo"].clone()
    }
}

/// The shop's plan, with the server that its images run.
fn shop(plan: &str) -> Program {
    let program = Program::with_plan(plan).file("server.rs", SERVER).env("THE_TOKEN", TOKEN);
    let compiled = Command::new("rustc")
        .args(["-C", "target-feature=+crt-static", "-C", "debuginfo=0", "-o", "server"])
        .arg("server.rs")
        .current_dir(program.folder())
        .status();
    assert!(compiled.expect("rustc is installed").success());
    program
}

fn run(program: &Program, cloud: &ShopCloud, more: &[&str]) -> Finished {
    program.run(&[&["run", "--cloud", &cloud.path()], more].concat())
}

/// Makes the folder a clone of the repository; its commit.
fn commit(program: &Program) -> String {
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        let output = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(program.folder())
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["remote", "add", "origin", "https://github.com/octo/shop.git"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "shop"]);
    git(&["rev-parse", "HEAD"])
}

/// As for pull request 1.
fn run_preview(program: &Program, cloud: &ShopCloud, mode: &str) -> Finished {
    run(program, cloud, &["--event", "pull_request", "--pr", "1", "--set", mode])
}

/// Nothing that a run wrote has the secret.
fn leaks_nothing(program: &Program) {
    for entry in fs::read_dir(newest(program, "runs").expect("a run")).expect("a folder").flatten()
    {
        let text = fs::read(entry.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(TOKEN), "{}:\n{text}", entry.path().display());
    }
}

fn digest_of(program: &Program) -> String {
    let result = result(program);
    let digest = result["services"][0]["outputs"]["digest"].as_str().expect("a digest");
    format!("{}…", &digest[..19])
}

/// The image of the result.
fn image_of(result: &Value) -> String {
    result["services"][0]["outputs"]["image"].as_str().expect("an image").to_owned()
}

#[test]
fn a_crashing_version_gives_way_to_the_one_before() {
    let program = shop(PLAN);
    let head = commit(&program);
    let cloud = ShopCloud::with_head(&head);
    run_preview(&program, &cloud, "mode=good").exits(0);
    let good = format!("commit {} (digest {})", &head[..7], digest_of(&program));
    let good_image = image_of(&result(&program));
    let before = cloud.service();
    assert_eq!(before, (200, format!("token {TOKEN}\n")));

    let finished = run_preview(&program, &cloud, "mode=crash").exits(5);

    let back = format!("rolled back to {good}");
    finished.says_in_order(&[
        "\ndeploy  failed  (",
        &format!("\ndeploy  rolling back to {good}\n"),
        &format!("\ndeploy  {back}  ("),
        "\nfailed  (",
        &format!("\n    shop  failed at deploy, {back}  {URL}"),
    ]);
    assert_eq!(finished.stdout, "");
    assert_eq!(cloud.service(), before, "with its secret");
    let comment = cloud.comment();
    let result = result(&program);
    assert_eq!(image_of(&result), good_image, "{result:#}");
    let withdrawn = result["services"][0]["withdrawn"].as_str().expect("the new image");
    assert!(withdrawn.starts_with("demo.azurecr.io/shop@sha256:") && withdrawn != good_image);
    let images = format!("`{good_image}`<br>taken back: `{withdrawn}`");
    let row = format!("| `shop` | ❌ failed, {back} | <{URL}/> | {images} |");
    assert!(comment.contains(&row), "no {row} in\n{comment}");
    assert_eq!(result["exit-code"], 5);
    let rollback = &result["services"][0]["rollbacks"][0];
    assert_eq!(rollback["rollback"]["is"], "rolled-back", "{result:#}");
    assert_eq!(rollback["step"]["step"], "deploy");
    leaks_nothing(&program);
}

#[test]
fn a_version_that_fails_its_verify_gives_way_to_the_one_before() {
    let (cloud, program) = (ShopCloud::start(), shop(PLAN));
    run(&program, &cloud, &[]).exits(0);
    let before = cloud.service();

    let finished = run(&program, &cloud, &["--set", "mode=bad"]).exits(5);

    finished.says_in_order(&[
        "\ndeploy  ok  ",
        "\nverify  failed  (",
        "\ndeploy  rolling back to ",
        &format!("\ndeploy  {URL}/ answers 200\n"),
        "\ndeploy  rolled back to ",
        "\n    shop  failed at verify, rolled back to ",
    ]);
    assert_eq!(cloud.service(), before);
}

#[test]
fn a_rollback_that_lacks_a_secret_is_announced_and_refused() {
    let program = shop(PLAN);
    let cloud = ShopCloud::with_head(&commit(&program));
    run_preview(&program, &cloud, "mode=good").exits(0);
    let without = PLAN.replace("env: { TOKEN: '${{ secrets.token }}' }", "env: { OTHER: x }");
    let program = program.file("shipway.yml", &without);

    let finished = run_preview(&program, &cloud, "mode=crash").exits(6);

    let missing = "the secure value `TOKEN` of container `shop-demo`";
    finished.says_in_order(&[
        &format!(
            "\ndeploy  warning  a rollback could not put the version before back, because the plan does not have {missing}\n"
        ),
        "\ndeploy  failed  (",
        "\ndeploy  the rollback to commit ",
        "\n    cannot put container group `shop-demo` back\n",
        "\n      Azure does not return its secrets, and the plan does not have all of them\n",
        &format!("\n    | missing: {missing}\n"),
        "\n    help: deploy a version that works; keep a secret in the plan until no version uses it\n",
        "\n    shop  failed at deploy, the rollback to commit ",
    ]);
    let comment = cloud.comment();
    let row = "| `shop` | ❌ failed, the rollback to commit ";
    let said = format!(
        "\n**The rollback of `deploy` failed**\n\n```text\n\
         cannot put container group `shop-demo` back\n  \
         Azure does not return its secrets, and the plan does not have all of them\n```\n\n\
         <details><summary>Details</summary>\n\n```text\nmissing: {missing}\n```\n"
    );
    assert!(comment.contains(row) && comment.contains(&said), "{comment}");
}

#[test]
fn a_deploy_that_azure_refuses_leaves_what_runs() {
    let second = json!([{
        "method": "PUT", "path-contains": "/containerGroups/", "skip": 1, "status": 403,
    }]);
    let (cloud, program) = (ShopCloud::with("4e1d2aa", &second), shop(PLAN));
    run(&program, &cloud, &[]).exits(0);
    let before = cloud.group();
    assert!(before["body"].is_object(), "{before}");

    // What `replace: never` forbids is known before the first step.
    run(&program, &cloud, &["--set", "mode=bad", "--set", "cpu=2"]).exits(3);
    let finished = run(&program, &cloud, &["--set", "mode=bad"]).exits(4);

    finished.says_in_order(&[
        "\ndeploy  failed  (",
        " still runs  (",
        "\n    shop  failed at deploy, digest sha256:",
    ]);
    assert_eq!(cloud.group(), before);
}

#[test]
fn a_new_preview_is_removed() {
    let program = shop(PLAN);
    let cloud = ShopCloud::with_head(&commit(&program));

    let finished = run_preview(&program, &cloud, "mode=bad").exits(4);

    finished.says_in_order(&[
        "\nverify  failed  (",
        "\ndeploy  removing the new preview\n",
        "\ndeploy  the new preview was removed  (",
        "\n    shop  failed at verify, the new preview was removed",
    ]);
    assert_eq!(cloud.group(), Value::Null);
    let comment = cloud.comment();
    let row = "❌ failed, the new preview was removed |  | taken back: `demo.azurecr.io/shop@";
    assert!(comment.contains(row), "{comment}");
}

#[test]
fn what_is_new_and_no_preview_is_kept() {
    let (cloud, program) = (ShopCloud::start(), shop(PLAN));

    let finished = run(&program, &cloud, &["--set", "mode=bad"]).exits(4);

    finished.says_in_order(&[
        "\nverify  failed  (",
        "\ndeploy  kept, because there was no version before it  (",
    ]);
    assert_eq!(cloud.service().0, 500);
}

#[test]
fn on_failure_keep_leaves_the_version_that_failed() {
    let (cloud, program) = (ShopCloud::start(), shop(&PLAN.replace("rollback", "keep")));
    run(&program, &cloud, &[]).exits(0);

    let finished = run(&program, &cloud, &["--set", "mode=bad"]).exits(4);

    assert!(!finished.stderr.contains("rolled back"), "{}", finished.stderr);
    finished.says_in_order(&[
        ", which is not verified: `shipway rollback shop ",
        "` puts digest sha256:",
    ]);
    assert_eq!(cloud.service().0, 500);
}

/// How many entries the newest journal has for this stage of a rollback.
fn recorded(program: &Program, stage: &str) -> usize {
    let is_it = |line: &&Value| line["entry"] == "rollback" && line["record"]["stage"] == stage;
    journal(program).iter().filter(is_it).count()
}

#[test]
fn a_rollback_that_is_killed_is_finished_by_resume() {
    let (cloud, program) = (ShopCloud::start(), shop(PLAN));
    run(&program, &cloud, &[]).exits(0);
    let before = cloud.service();
    let child = program.start(&["run", "--cloud", &cloud.path(), "--set", "mode=bad"]);
    eventually("the rollback", || (recorded(&program, "begun") == 1).then_some(()));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).expect("it is there");
    program.finish(child).exits(128 + 9);
    assert_eq!(recorded(&program, "ended"), 0, "it watches what it put back for a second");

    let finished = program.run(&["resume"]).exits(5);

    finished.says_in_order(&[
        "\ndeploy  done  by an earlier process of this run\n",
        "\nverify  failed  (",
        "\ndeploy  rolling back to ",
        "\ndeploy  rolled back to ",
        "\n    shop  failed at verify, rolled back to ",
    ]);
    assert_eq!(cloud.service(), before);
    assert_eq!(recorded(&program, "replaces"), 1);
    assert_eq!(recorded(&program, "ended"), 1);
    leaks_nothing(&program);

    // What was rolled back is deployed again, from the plan as it is.
    program.run(&["resume"]).exits(5).says_in_order(&["\ndeploy  ok  ", "\nverify  failed  ("]);
    assert_eq!(recorded(&program, "replaces"), 2);
}
