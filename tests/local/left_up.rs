//! A local cloud that `dry-run --detach` left up, and later runs that go on in it.

use crate::support::Program;
use crate::support::state::newest;
use shipway::testing::local::CloudFile;
use std::fs;

const PLAN: &str = "\
name: kept
vars: { seconds: 600 }
azure: { resource-group: demo, location: westeurope }
report: none
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, sleep, '${{ vars.seconds }}']
  - tag: demo.azurecr.io/kept:v1
  - push:
  - { id: gate, run: 'test -e go' }
  - deploy: { aci: { name: kept-web } }
";

const DRY_RUN: [&str; 3] = ["dry-run", "--runtime", "built-in"];

/// Stops the cloud that was left up.
fn stops(program: &Program, expected: &str) {
    let stopped = program.run(&["local", "stop"]).exits(0);
    assert!(stopped.stderr.ends_with(expected), "{}", stopped.stderr);
}

#[test]
fn later_runs_go_on_in_the_cloud_that_was_left_up() {
    let program = Program::with_plan(PLAN).applets();
    program.run(&[&DRY_RUN[..], &["--detach"]].concat()).exits(4);
    let path = newest(&program, "local").expect("a cloud").join("cloud.json");
    let cloud = CloudFile::read(&path).expect("it is up");
    let program = program.file("go", "");

    let resumed = program.run(&["resume", "--dry-run"]).exits(0);
    resumed.says_in_order(&[
        "using the local cloud that was left up\n",
        "\nleft up; `shipway local stop ",
    ]);
    assert_eq!(CloudFile::read(&path).expect("it is still up"), cloud);

    program.run(&[&DRY_RUN[..], &["--from", "deploy"]].concat()).exits(0);
    assert_eq!(CloudFile::read(&path).expect("it is still up"), cloud);

    // The newest run went on in the cloud of the first one.
    for _ in 0..2 {
        let again = program.run(&[&DRY_RUN[..], &["--from", "deploy"]].concat()).exits(0);
        again.says_in_order(&["using the local cloud that was left up\n"]);
        assert_eq!(CloudFile::read(&path).expect("it is still up"), cloud);
    }
    stops(&program, "with 1 container group: kept-web\n");
}

#[test]
fn run_that_expects_more_than_the_cloud_that_was_left_up_has_is_refused() {
    let program = Program::with_plan(PLAN).applets().file("go", "");
    program.run(&[&DRY_RUN[..], &["--detach"]].concat()).exits(0);
    let folder = newest(&program, "local").expect("a cloud");
    let run = folder.file_name().expect("a name").to_string_lossy().into_owned();
    fs::write(program.path("shipway.yml"), PLAN.replace("demo.azurecr.io", "other.azurecr.io"))
        .expect("written");

    let refused = program.run(&[&DRY_RUN[..], &["--from", "tag"]].concat()).exits(3);

    let cloud = format!("DIR/.shipway/local/{run}");
    refused.begins_with(&format!(
        "error: the local cloud in `{cloud}` is still up
  because: it does not have what the plan and the options of this run expect
  help: end it first: `shipway local stop {cloud}/cloud.json`
"
    ));
    stops(&program, "with 1 container group: kept-web\n");
}

#[test]
fn a_cloud_that_ended_is_gone_on_in_and_one_that_was_removed_is_named() {
    let program = Program::with_plan(PLAN).applets().file("go", "");
    program.run(&DRY_RUN).exits(0);
    let first = newest(&program, "local").expect("a cloud");
    for _ in 0..2 {
        program.run(&[&DRY_RUN[..], &["--from", "deploy"]].concat()).exits(0);
        assert_eq!(newest(&program, "local").expect("a cloud"), first);
    }
    let earlier = newest(&program, "runs").expect("a run");
    let earlier = earlier.file_name().expect("a name").to_string_lossy().into_owned();
    fs::remove_dir_all(&first).expect("a folder can be removed");

    let gone = program.run(&[&DRY_RUN[..], &["--from", "gate", "--until", "gate"]].concat());

    let note = format!(
        "the local cloud of run {earlier} was removed, so this one is new: what earlier steps \
         pushed and deployed is not in it\n"
    );
    assert!(gone.stderr.contains(&note), "{}", gone.stderr);
}
