//! A pipeline with every action, a cloud for it, and what must be true at its end.

use crate::end::End;
use crate::proxy::Proxy;
use crate::proxy::rule::Rule;
use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use shipway::testing::local::LoggedRequest;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const REGISTRY: &str = "demo.azurecr.io";

/// Every action, a secret of a vault, and every kind of report. The steps wait shortly
/// before they try again.
const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
secrets: { token: { keyvault: { vault: shop, name: token } } }
report: [comment, deployment, status, summary]
steps:
  - run: echo ran >> ran
    env: { TOKEN: '${{ secrets.token }}' }
  - build:
      layers:
        - { from: busybox, to: /busybox, mode: '0755' }
        - { from: page, to: /www/index.html }
      entrypoint: [/busybox, httpd, -f, -p, '8080', -h, /www]
  - tag: { image: demo.azurecr.io/shop, tags: [v1, '${{ pr.tag }}'] }
  - push: { provenance: true }
    retry: { backoff: 1ms..5ms }
  - deploy:
      aci: { dns-label: shop-demo, ports: [8080], env: { TOKEN: '${{ secrets.token }}' } }
    retry: { backoff: 1ms..5ms }
  - verify: { http: /, within: 20s, every: 50ms, expect: { body: { contains: hello } } }
    retry: { backoff: 1ms..5ms }
";

/// A pull request of a repository with that plan. Its cloud is reached through a proxy.
pub struct Scene {
    pub program: Program,
    pub proxy: Proxy,
    cloud: CloudProcess,
    /// The temporary files of the program, and the file of the proxy.
    outside: TempDir,
}

impl Scene {
    pub fn new(rules: Vec<Rule>) -> Self {
        let outside = tempfile::tempdir().expect("a folder");
        let (program, head) = program(outside.path());
        let cloud = CloudProcess::start(world(&head));
        let proxy = Proxy::start(&cloud, outside.path(), rules);
        Self { program, proxy, cloud, outside }
    }

    /// The arguments that run this command in the cloud.
    pub fn arguments<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let file = self.proxy.cloud_file.to_str().expect("UTF-8");
        [command, &["--cloud", file]].concat()
    }

    /// The folder for the temporary files of the program.
    pub fn temporary(&self) -> std::path::PathBuf {
        self.outside.path().join("tmp")
    }

    /// The end of this run.
    pub fn end<'a>(&'a self, finished: &'a Finished) -> End<'a> {
        let token = "a-t0ken-of-the-shop";
        End { program: &self.program, finished, cloud: self.cloud.state().to_owned(), token }
    }

    /// The requests that the cloud answered with success.
    pub fn done(&self) -> Vec<LoggedRequest> {
        let mut requests = self.cloud.requests();
        requests.retain(|one| (200..300).contains(&one.status));
        requests
    }
}

/// The repository with the plan, in a workflow for its pull request 7, and its commit.
pub fn program(outside: &Path) -> (Program, String) {
    let temporary = outside.join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let program = Program::with_plan(PLAN)
        .file("page", "hello\n")
        .file(".gitignore", ".shipway\nran\n")
        .applets()
        .committed();
    let head = program.git(&["rev-parse", "HEAD"]);
    let own = json!({ "full_name": "octo/demo" });
    let event = json!({
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7, "state": "open", "user": { "login": "ada" },
            "head": { "ref": "topic", "sha": head, "repo": own },
            "base": { "ref": "main", "sha": head, "repo": own },
        },
        "repository": own,
    });
    let program = program
        .in_actions("pull_request", &event)
        .env("GITHUB_SHA", &head)
        .env("TMPDIR", &temporary.display().to_string());
    (program, head)
}

fn world(head: &str) -> Value {
    json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{
            "host": REGISTRY, "name": "demo", "resource-group": "demo", "admin-user": true,
        }],
        "vaults": [{
            "host": "shop.vault.azure.net", "secrets": { "token": "a-t0ken-of-the-shop" },
        }],
        "github": {
            "repository": "octo/demo",
            "pull-request": {
                "number": 7, "head-sha": head, "head-ref": "topic", "base-ref": "main",
            },
        },
    })
}
