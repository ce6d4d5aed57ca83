//! `shipway logs`: what the deployed containers have written.

use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};

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
        let cloud = CloudProcess::with_registry("shop");
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
