//! Apps of Azure Container Apps in the local cloud: deployed, verified over TLS, looked at
//! and taken down.

mod job_files;
mod previews;
mod revisions;

use crate::support::cloud_process::CloudProcess;
use crate::support::state::{newest, output};
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// Answers every request with its mode and its token, ends at once, listens on another port, or
/// answers 500, for ever or for four seconds.
const SERVER: &str = r#"
use std::io::{Read, Write};
fn main() {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let (mode, token) = (var("MODE"), var("TOKEN"));
    println!("starting as {mode}");
    if mode == "crash" {
        println!("no database");
        std::process::exit(3);
    }
    let began = std::time::Instant::now();
    let port = if mode == "elsewhere" { 8081 } else { 8080 };
    let listener = std::net::TcpListener::bind(("0.0.0.0", port)).expect("a free port");
    for mut stream in listener.incoming().flatten() {
        let is_bad = mode == "bad" || (mode == "slow" && began.elapsed().as_secs() < 4);
        let status = if is_bad { "500 Internal Server Error" } else { "200 OK" };
        let body = format!("{mode} token {token}\n");
        drop(stream.read(&mut [0; 4096]));
        let length = body.len();
        drop(write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ));
    }
}
"#;

pub const PLAN: &str = "\
name: shop
vars: { mode: good, cpu: 0.5 }
azure: { resource-group: demo, location: westeurope }
secrets: { token: { env: THE_TOKEN } }
steps:
  - build:
      layers: [{ from: server, to: /server, mode: '0755' }]
      entrypoint: [/server]
      env: { MODE: '${{ vars.mode }}' }
  - tag: { image: demo.azurecr.io/shop, tags: ['${{ vars.mode }}'] }
  - push:
  - deploy:
      container-app:
        environment: shop
        ingress: { target-port: 8080 }
        cpu: ${{ vars.cpu }}
        env: { TOKEN: '${{ secrets.token }}' }
        scale: { min: 1, max: 2 }
        on-failure: rollback
  - verify: { http: /, expect: { body: { contains: token } }, within: 20s, every: 100ms }
";

pub const TOKEN: &str = "a-t0ken-of-the-shop";

/// The shop's plan, with the server that its images run.
pub fn shop(plan: &str) -> Program {
    let program = Program::with_plan(plan).file("server.rs", SERVER).env("THE_TOKEN", TOKEN);
    let compiled = Command::new("rustc")
        .args(["-C", "target-feature=+crt-static", "-C", "debuginfo=0", "-o", "server"])
        .arg("server.rs")
        .current_dir(program.folder())
        .status();
    assert!(compiled.expect("rustc is installed").success());
    program
}

pub struct ShopCloud {
    pub process: CloudProcess,
}

impl ShopCloud {
    pub fn start() -> Self {
        Self::with_github(&Value::Null)
    }

    /// The same with this GitHub.
    pub fn with_github(github: &Value) -> Self {
        let process = CloudProcess::start(json!({
            "github": github,
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "admin-user": true,
            }],
            "app-environments":
                [{ "name": "shop", "resource-group": "demo", "location": "westeurope" }],
        }));
        Self { process }
    }

    pub fn run(&self, program: &Program, arguments: &[&str]) -> Finished {
        let cloud = self.process.path.display().to_string();
        program.run(&[arguments, &["--cloud", &cloud]].concat())
    }

    /// What the URL answers, through the cloud's proxy.
    pub fn get(&self, url: &str) -> (u16, String) {
        let client = self.process.client();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let answer = client.get(url).send().await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    }

    /// The app as the cloud keeps it; `null` without one.
    pub fn app(&self, name: &str) -> Value {
        let path = self.process.state().join("arm/resources.json");
        let content = fs::read_to_string(path).unwrap_or_default();
        let content: Value = serde_json::from_str(&content).unwrap_or_default();
        content["apps"][format!("demo/{name}")].clone()
    }

    /// The requests to Container Apps since the first `seen`, without polls of operations.
    pub fn asked(&self, seen: usize) -> Vec<String> {
        let all = self.process.requests().into_iter().skip(seen);
        let of_apps = all.filter(|it| it.path.contains("Microsoft.App/containerApps"));
        of_apps.map(|it| it.method).collect()
    }
}

#[test]
fn app_is_deployed_and_verified_over_tls() {
    let program = shop(PLAN);
    let finished = program.run(&["dry-run", "--secret-env", "token=THE_TOKEN"]).exits(0);
    let url = finished.stdout.trim();
    assert!(url.starts_with("https://shop.local-"), "{url}");
    assert!(url.ends_with(".westeurope.azurecontainerapps.io"), "{url}");
    assert_eq!(output(&program, 0, "url"), url);
    assert!(
        finished.stderr.contains("app `shop` in the environment `shop`"),
        "{}",
        finished.stderr
    );
    let log = newest(&program, "local").expect("a cloud").join("requests.jsonl");
    let log = fs::read_to_string(log).expect("a log");
    assert!(!log.contains(TOKEN), "the token is in the log of requests");
}

#[test]
fn app_is_looked_at_changed_and_taken_down() {
    let (cloud, program) = (ShopCloud::start(), shop(PLAN));
    let url = cloud.run(&program, &["run"]).exits(0).stdout.trim().to_owned();
    assert_eq!(cloud.get(&url), (200, format!("good token {TOKEN}\n")));

    let status = cloud.run(&program, &["status"]).exits(0);
    assert!(status.stdout.contains("running"), "{}", status.stdout);
    assert!(status.stdout.contains(&url), "{}", status.stdout);
    let logs = cloud.run(&program, &["logs"]).exits(0);
    assert_eq!(logs.stdout, "starting as good\n");

    let plan = cloud.run(&program, &["plan", "--set", "cpu=1"]).exits(0);
    for line in ["app `shop`", "cpu", "0.5", "memory", "1Gi", "2Gi"] {
        assert!(plan.stdout.contains(line), "no `{line}` in\n{}", plan.stdout);
    }

    cloud.run(&program, &["run", "--set", "mode=next"]).exits(0);
    assert_eq!(cloud.get(&url), (200, format!("next token {TOKEN}\n")));
    let revisions = cloud.app("shop")["revisions"].as_array().expect("revisions").len();
    assert_eq!(revisions, 2);

    cloud.run(&program, &["down", "--yes"]).exits(0);
    assert_eq!(cloud.app("shop"), Value::Null);
    assert_eq!(cloud.get(&url).0, 404);
}

#[test]
fn app_without_secrets_that_did_not_change_takes_one_read() {
    let cloud = ShopCloud::start();
    let plan = PLAN.replace("        env: { TOKEN: '${{ secrets.token }}' }\n", "");
    let program = shop(&plan);
    cloud.run(&program, &["run"]).exits(0);
    let seen = cloud.process.requests().len();
    let again = cloud.run(&program, &["run"]).exits(0);
    assert!(again.stderr.contains("no change: it is as the plan says"), "{}", again.stderr);
    // One read, and the record of the run in its tags; then what the check records.
    assert_eq!(cloud.asked(seen).iter().filter(|method| *method == "PUT").count(), 0);
}

#[test]
fn environment_is_created_where_the_plan_says_so() {
    let program =
        shop(&PLAN.replace("environment: shop", "environment: { name: fresh, create: true }"));
    let finished = program.run(&["dry-run", "--secret-env", "token=THE_TOKEN"]).exits(0);
    assert!(
        finished.stderr.contains("creating the environment `fresh` in westeurope"),
        "{}",
        finished.stderr
    );

    let (cloud, program) =
        (ShopCloud::start(), shop(&PLAN.replace("environment: shop", "environment: other")));
    let refused = cloud.run(&program, &["run"]);
    assert_ne!(refused.code, 0);
    assert!(
        refused.stderr.contains("there is no environment `other` for apps"),
        "{}",
        refused.stderr
    );
}
