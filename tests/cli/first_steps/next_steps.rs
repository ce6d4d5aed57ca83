//! The commands that messages name as the next step mean the same plan, environment and cloud
//! as the one that prints them.

use crate::support::Program;

const PLAN: &str = "\
name: site
azure: { resource-group: demo, location: westeurope }
environments: { staging: {} }
vars: { path: / }
report: none
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, httpd, -f, -h, /, -p, '80']
  - tag: demo.azurecr.io/site:v1
  - push:
  - deploy: { aci: { name: site, ports: [80] } }
  - verify: { http: '${{ vars.path }}', within: 20s, every: 100ms }
";

fn program() -> Program {
    Program::new().file("plans/site.yml", PLAN).file("plans/busybox", "")
}

#[test]
fn dry_run_is_repeated_with_its_options() {
    let program = program().applets();
    std::fs::copy(program.path("busybox"), program.path("plans/busybox")).expect("a copy");
    let options = ["--runtime", "built-in", "--set", "path=/busybox", "--event", "push"];
    let options = [&options[..], &["--comment-key", "my site", "--state-dir", "state"]].concat();
    let finished = program.run(&[&["dry-run", "plans/site.yml"], &options[..]].concat()).exits(0);
    let note = "note: the URL was up while the run lasted; `shipway dry-run plans/site.yml --keep \
                --env staging --set path=/busybox --event push --comment-key 'my site' --state-dir \
                DIR/state --runtime built-in` keeps the cloud up\n";
    assert!(finished.stderr.contains(note), "{}", finished.stderr);
}

#[test]
fn run_in_a_cloud_that_is_up_is_named_whole() {
    let arguments = ["dry-run", "plans/site.yml", "--cloud", "c.json", "--env", "staging"];
    let finished = program().run(&arguments).exits(2);
    assert_eq!(
        finished.stderr,
        "error: `--cloud` is not for dry runs: each has a local cloud of its own
  help: run the plan in that cloud: `shipway run plans/site.yml --env staging --cloud c.json`
"
    );
}
