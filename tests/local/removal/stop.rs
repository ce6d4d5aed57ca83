//! `shipway local stop`.

use crate::support::state::newest;
use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::Command;

#[test]
fn stopping_a_cloud_says_what_it_stopped() {
    let program = Program::with_plan(
        "name: kept
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, sleep, '600']
  - tag: demo.azurecr.io/kept:v1
  - push:
  - deploy: { aci: { name: kept-web } }
",
    )
    .applets();
    program.run(&["dry-run", "--detach", "--runtime", "built-in"]).exits(0);
    let folder = newest(&program, "local").expect("a cloud");
    let run = folder.file_name().expect("a name").to_string_lossy().into_owned();

    let stopped = program.run(&["local", "stop"]).exits(0);

    let start = format!("stopped the local cloud in `DIR/.shipway/local/{run}`, process ");
    let rest = stopped.stderr.strip_prefix(&start).unwrap_or_else(|| panic!("{}", stopped.stderr));
    let end = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    assert_eq!(end, ", with 1 container group: kept-web\n");
    assert!(!folder.join("cloud.json").exists());
}

#[test]
fn stopping_never_ends_a_process_that_has_the_id_of_a_killed_cloud() {
    let program = Program::with_plan("name: kept\nreport: none\nsteps:\n  - run: 'true'\n");
    program.run(&["dry-run", "--detach", "--runtime", "built-in"]).exits(0);
    let file = newest(&program, "local").expect("a cloud").join("cloud.json");
    let text = fs::read_to_string(&file).expect("a file");
    let mut cloud: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let pid = cloud["pid"].as_i64().expect("an id");
    kill(Pid::from_raw(i32::try_from(pid).expect("an id")), Signal::SIGKILL).expect("it runs");
    let mut other = Command::new("sleep").arg("600").spawn().expect("sleep");
    cloud["pid"] = other.id().into();
    fs::write(&file, cloud.to_string()).expect("written");

    // Its containers may hold the lock for a moment longer.
    let stopped = eventually("it is known to have ended", || {
        let stopped = program.run(&["local", "stop"]);
        (stopped.code == 0).then_some(stopped)
    });

    assert_eq!(other.try_wait().expect("a child"), None, "it was ended");
    other.kill().expect("it is there");
    other.wait().expect("it has ended");
    assert!(stopped.stderr.ends_with("` had ended already\n"), "{}", stopped.stderr);
    assert!(!file.exists());
}
