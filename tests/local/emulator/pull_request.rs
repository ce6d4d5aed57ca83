//! The pull request of the cloud of a plan.

use crate::support::Program;
use serde_json::Value;

const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
report: [comment]
environments: { preview: { if: pr } }
steps:
  - build:
      layers: [{ from: hello, to: /hello }]
      entrypoint: [/hello]
  - tag: shopimages.azurecr.io/shop:${{ git.short-sha }}
  - push:
";

#[test]
fn pull_request_follows_what_is_checked_out() {
    let program =
        Program::with_plan(PLAN).file("hello", "hello\n").file(".gitignore", ".shipway\n");
    let program = program.committed();
    program.git(&["checkout", "--quiet", "-b", "topic"]);
    program.git(&["remote", "add", "origin", "https://github.com/octo/shop.git"]);
    let start = ["local", "--detach", "--runtime", "built-in"];
    let started = program.run(&start).exits(0).stdout;
    let status = program.run(&["local", "status", "--output", "json"]).exits(0).stdout;
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let cloud = status["cloud"]
        .as_str()
        .expect("a path")
        .replace("DIR", &program.folder().display().to_string());
    let run = ["run", "--env", "preview", "--pr", "1", "--cloud", &cloud];
    let first = program.run(&run);

    program.git(&["commit", "--quiet", "--allow-empty", "--message=two"]);
    let second = program.run(&run);
    program.git(&["commit", "--quiet", "--allow-empty", "--message=three"]);
    let again = program.run(&start);
    let comment = "comment on the pull request: https://github.com/octo/shop/pull/1#issuecomment-";
    program.run(&["local", "stop"]).exits(0);

    for finished in [first, second] {
        let finished = finished.exits(0);
        assert!(finished.stderr.contains(comment), "{}", finished.stderr);
    }
    // A newer commit is no other cloud.
    let again = again.exits(0);
    assert!(again.stderr.contains("the local cloud is up already, process "), "{}", again.stderr);
    assert_eq!(again.stdout, started);
}
