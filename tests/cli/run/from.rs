//! `--from` goes on from an earlier run of the same plan and environment, and says so
//! without one.

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use std::fs;

/// Writes what the first step put out to `deployed`, once `go` exists.
fn plan(name: &str) -> String {
    format!(
        "\
name: {name}
report: none
environments: {{ staging: {{ if: 'false' }}, production: {{ if: 'false' }} }}
steps:
  - {{ id: make, run: 'echo image=of-{name}-$E >> $SHIPWAY_OUTPUT', env: {{ E: '${{{{ environment.name }}}}' }} }}
  - {{ id: gate, run: 'test -f go' }}
  - {{ id: use, run: 'echo $I > deployed', env: {{ I: '${{{{ steps.make.outputs.image }}}}' }} }}
"
    )
}

fn deployed(program: &Program) -> String {
    let text = fs::read_to_string(program.path("deployed")).expect("written");
    text.trim_end().to_owned()
}

#[test]
fn only_a_run_of_the_same_plan_and_environment_counts() {
    let program = Program::new().file("a.yml", &plan("a")).file("b.yml", &plan("b")).file("go", "");
    program.run(&["run", "a.yml", "--env", "staging"]).exits(0);
    program.run(&["run", "b.yml", "--env", "staging"]).exits(0);
    program.run(&["run", "a.yml", "--env", "production"]).exits(0);

    program.run(&["run", "a.yml", "--env", "staging", "--from", "use"]).exits(0);
    assert_eq!(deployed(&program), "of-a-staging");
    program.run(&["run", "b.yml", "--env", "staging", "--from", "use"]).exits(0);
    assert_eq!(deployed(&program), "of-b-staging");
}

#[test]
fn without_an_earlier_run_a_note_says_that_outputs_are_empty() {
    let program = Program::new().file("a.yml", &plan("a")).file("go", "");

    let ran = program.run(&["run", "a.yml", "--env", "staging", "--from", "use"]).exits(0);

    let note = "`--from use`: there is no earlier run of this plan in `staging` to go on from, so \
                the steps before it have no outputs";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    assert_eq!(deployed(&program), "");
}

#[test]
fn resume_of_a_run_that_went_on_from_another_keeps_what_that_one_left() {
    let program = Program::new().file("a.yml", &plan("a")).file("go", "");
    program.run(&["run", "a.yml", "--env", "staging"]).exits(0);
    fs::remove_file(program.path("go")).expect("there");
    program.run(&["run", "a.yml", "--env", "staging", "--from", "gate"]).exits(4);
    let program = program.file("go", "");

    program.run(&["resume", "--plan", "a.yml"]).exits(0);

    assert_eq!(deployed(&program), "of-a-staging");
}

#[test]
fn resume_continues_a_run_of_the_plan_that_it_is_given() {
    let program = Program::new().file("a.yml", &plan("a")).file("b.yml", &plan("b"));
    program.run(&["run", "a.yml", "--env", "staging"]).exits(4);
    program.run(&["run", "b.yml", "--env", "staging"]).exits(4);
    let program = program.file("go", "");

    program.run(&["resume", "--plan", "a.yml"]).exits(0);
    assert_eq!(deployed(&program), "of-a-staging");

    let refused = program.run(&["resume", "--plan", "a.yml"]).exits(2);
    assert_eq!(
        refused.stderr,
        "error: there is no unfinished run of `a.yml` in `DIR/.shipway`\n  \
         help: name a run, or the plan's file with `--plan`; a dry run needs `--dry-run`\n"
    );
}

/// A service that needs an output of another one.
const PAIR: &str = "\
name: pair
azure: { resource-group: demo, location: westeurope }
report: none
services:
  api:
    steps:
      - build:
          layers: [{ from: busybox, to: /busybox, mode: '0755' }]
          entrypoint: [/busybox, sleep, '600']
      - tag: demo.azurecr.io/api:v1
      - push:
      - deploy: { aci: { name: api } }
  web:
    needs: [api]
    steps:
      - { id: use, run: 'echo $A > value', env: { A: '${{ services.api.outputs.resource-id }}' } }
";

#[test]
fn service_that_only_leaves_out_gives_what_an_earlier_run_left_or_is_named() {
    let cloud = CloudProcess::with_registry("demo");
    let program = Program::with_plan(PAIR).applets();
    let path = cloud.path.display().to_string();
    let run = |arguments: &[&str]| program.run(&[&["run", "--cloud", &path], arguments].concat());
    let value = || fs::read_to_string(program.path("value")).expect("written");

    let refused = run(&["--only", "web"]).exits(3);
    assert_eq!(
        refused.stderr,
        "error: `web.use` needs the output `resource-id` of `api`, which `--only` leaves out and no \
         earlier run on this machine has made\n  help: add `--only api`, or run the whole plan\n"
    );
    assert!(!program.path("value").exists());
    let planned = program.run(&["plan", "--cloud", &path, "--only", "web"]).exits(3);
    assert_eq!(planned.stderr, refused.stderr);

    run(&[]).exits(0);
    let planned = program.run(&["plan", "--cloud", &path, "--only", "web"]).exits(0);
    assert_eq!(planned.stderr, "");
    assert!(value().ends_with("/containerGroups/api\n"), "{}", value());
    fs::remove_file(program.path("value")).expect("there");

    for _ in 0..2 {
        run(&["--only", "web"]).exits(0);
        assert!(value().ends_with("/containerGroups/api\n"), "{}", value());
    }
}
