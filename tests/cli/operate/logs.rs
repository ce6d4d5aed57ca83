//! `shipway logs`: what the deployed containers have written.

use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};
use serde_json::{Value, json};

/// Writes lines, waits for a request, and ends.
const SCRIPT: &str = "\
echo one; echo two; echo three
/bin/busybox nc -l -p 80 -e /bin/busybox cat script
echo four; exit 0
";

const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }, { from: script, to: /script }]
      entrypoint: [/bin/busybox, sh, script]
  - tag: shop.azurecr.io/web:v1
  - push:
  - deploy: { aci: { name: shop, ports: [80], restart-policy: never } }
";

struct Shop {
    program: Program,
    cloud: CloudProcess,
}

impl Shop {
    /// With the plan deployed.
    fn new() -> Self {
        Self::with_faults(&json!([]))
    }

    /// The same in a cloud in which requests fail.
    fn with_faults(faults: &Value) -> Self {
        let cloud = CloudProcess::start(json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{
                "host": "shop.azurecr.io", "name": "shop", "resource-group": "demo",
                "anonymous-pull": true,
            }],
            "faults": faults,
        }));
        let program = Program::with_plan(PLAN).file("script", SCRIPT).applets();
        let shop = Self { program, cloud };
        shop.run(&["run"]).exits(0);
        shop
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        self.program.run(&[arguments, &["--cloud", &cloud]].concat())
    }

    /// Sends the request that the script waits for.
    fn ask(&self) {
        self.run(&["status"]).exits(0);
    }
}

#[test]
fn logs_shows_the_last_lines() {
    let shop = Shop::new();
    assert_eq!(shop.run(&["logs"]).exits(0).stdout, "one\ntwo\nthree\n");
    assert_eq!(shop.run(&["logs", "shop", "--tail", "2"]).exits(0).stdout, "two\nthree\n");
    assert_eq!(shop.run(&["logs", "--since", "2100-01-01T00:00:00Z"]).exits(0).stdout, "");
    assert_eq!(shop.run(&["logs", "--previous"]).exits(0).stderr, "`shop` was not started again\n");
}

#[test]
fn secrets_at_hand_are_masked_in_logs() {
    let cloud = CloudProcess::start(json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{
            "host": "shop.azurecr.io", "name": "shop", "resource-group": "demo",
            "anonymous-pull": true,
        }],
    }));
    let plan =
        PLAN.replace("azure:", "secrets: { v: { env: VV }, f: { file: secret } }\nazure:").replace(
            "ports: [80]",
            "env: { V: '${{ secrets.v }}', F: '${{ secrets.f }}', T: npm_tokentoken }, ports: [80]",
        );
    let script = format!("echo kR7xQz9TailWord4 and of-the-file and npm_tokentoken\n{SCRIPT}");
    let program = Program::with_plan(&plan).file("script", &script).file("secret", "of-the-file\n");
    let program =
        program.applets().env("VV", "kR7xQz9TailWord4").env("NPM_TOKEN", "npm_tokentoken");
    let shop = Shop { program, cloud };
    shop.run(&["run"]).exits(0);
    let logs = shop.run(&["logs"]).exits(0);
    assert_eq!(logs.stdout, "*** and *** and ***\none\ntwo\nthree\n");
    let logs = shop.run(&["logs", "--tail", "4", "--output", "json"]).exits(0);
    let first: Value =
        serde_json::from_str(logs.stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["text"], "*** and *** and ***");
}

#[test]
fn logs_follows_until_nothing_runs_any_more() {
    let shop = Shop::new();
    let cloud = shop.cloud.path.display().to_string();
    let following = shop.program.start(&["logs", "-f", "--tail", "1", "--cloud", &cloud]);
    shop.ask();
    let followed = shop.program.finish(following).exits(0);
    // The last line was there before, or came in while the log was followed.
    let lines: Vec<&str> = followed.stdout.lines().collect();
    assert!(lines == ["three", "four"] || lines == ["four"], "{lines:?}");
    assert_eq!(followed.stderr, "— `shop` ended with exit code 0 —\n");
}

#[test]
fn log_is_followed_through_failures_that_pass() {
    let busy = json!({
        "method": "GET", "path-ends": "/logs", "status": 503, "code": "Busy",
        "message": "provoked", "skip": 1, "times": 2, "retry-after": 1,
    });
    let shop = Shop::with_faults(&json!([busy]));
    let cloud = shop.cloud.path.display().to_string();
    let following = shop.program.start(&["logs", "-f", "--tail", "1", "--cloud", &cloud]);
    shop.ask();
    let followed = shop.program.finish(following).exits(0);
    assert!(followed.stdout.ends_with("four\n"), "{}", followed.stdout);
    assert_eq!(
        followed.stderr,
        "— waiting for the log of `shop`: cannot read the log of container group `shop`: \
         management.azure.com answered 503 `Busy`: provoked —\n\
         — the log of `shop` goes on —\n\
         — `shop` ended with exit code 0 —\n"
    );
}

#[test]
fn log_is_followed_until_what_writes_it_is_deleted() {
    let shop = Shop::new();
    let cloud = shop.cloud.path.display().to_string();
    let following = shop.program.start(&["logs", "-f", "--tail", "1", "--cloud", &cloud]);
    // It is being followed once its log was read.
    let is_read = || shop.cloud.requests().iter().any(|it| it.path.contains("/logs"));
    while !is_read() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    shop.run(&["down", "--yes"]).exits(0);
    let followed = shop.program.finish(following).exits(0);
    assert_eq!(followed.stderr, "— `shop` was deleted —\n");
}

#[test]
fn log_that_may_not_be_read_is_not_waited_for() {
    let forbidden = json!({
        "method": "GET", "path-ends": "/logs", "status": 403, "code": "AuthorizationFailed",
        "message": "provoked", "skip": 1, "times": 9,
    });
    let shop = Shop::with_faults(&json!([forbidden]));
    let refused = shop.run(&["logs", "-f"]).exits(3);
    refused.says_in_order(&[
        "error: cannot read the log of container group `shop`\n",
        "  because: management.azure.com answered 403 `AuthorizationFailed`: provoked\n",
    ]);
}

#[test]
fn logs_says_what_is_not_there() {
    let shop = Shop::new();
    assert_eq!(
        shop.run(&["logs", "web"]).exits(2).stderr,
        "error: there is no service `web`\n  help: the plan has `shop`\n"
    );
    assert_eq!(
        shop.run(&["logs", "shop/proxy"]).exits(3).stderr,
        "error: `shop` has no container `proxy`\n  help: it has `shop`\n"
    );
}
