//! Results that cannot be written are not passed over in silence.

use crate::support::Program;
use crate::support::state::newest;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

/// The exit code and the errors of a command whose standard output is a full device.
fn on_a_full_device(program: &Program, arguments: &[&str]) -> (Option<i32>, String) {
    let full = File::options().write(true).open("/dev/full").expect("a device");
    let output = program.command(arguments).stdout(Stdio::from(full)).output().expect("started");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let program = Program::with_plan("name: a\nreport: none\nsteps: [{ run: 'true' }]\n");
    let error = "error: cannot write to standard output\n  \
                 because: No space left on device (os error 28)\n  \
                 help: what the command did stands, and only its output is incomplete\n";

    assert_eq!(on_a_full_device(&program, &["schema"]), (Some(1), error.to_owned()));
    let (code, said) = on_a_full_device(&program, &["run", "--output", "json"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("\nsucceeded  ("), "{said}");
    assert!(said.ends_with(error), "{said}");
}

#[test]
fn a_failed_run_keeps_its_exit_code_where_its_result_cannot_be_written() {
    let program = Program::with_plan("name: a\nreport: none\nsteps: [{ run: 'false' }]\n");
    let (code, said) = on_a_full_device(&program, &["run", "--output", "json"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("error: cannot write to standard output\n"), "{said}");
}

#[test]
fn a_log_of_the_libraries_that_cannot_be_written_is_one_warning() {
    let program = Program::with_plan(
        "name: a
azure: { resource-group: demo, location: westeurope }
report: none
steps:
  - run: test -e go
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - tag: demo.azurecr.io/a:v1
  - push:
",
    );
    program.run(&["dry-run"]).exits(4);
    let log = newest(&program, "runs").expect("a run").join("debug.log");
    fs::remove_file(&log).expect("a log");
    symlink("/dev/full", &log).expect("a link can be made");
    let program = program.file("go", "");

    let resumed = program.run(&["resume", "--dry-run"]).exits(0);

    let run = log.parent().and_then(Path::file_name).expect("a name").display().to_string();
    let warning = format!(
        "warning: cannot write to `DIR/.shipway/runs/{run}/debug.log`, where the log of the \
         libraries ends: No space left on device (os error 28)\n"
    );
    assert_eq!(resumed.stderr.matches("warning: ").count(), 1, "{}", resumed.stderr);
    assert!(resumed.stderr.contains(&warning), "{}", resumed.stderr);
    assert!(!resumed.stderr.contains("tracing"), "{}", resumed.stderr);
}

#[test]
fn a_dry_run_has_a_cloud_of_its_own() {
    let program = Program::with_plan("name: a\nsteps: [{ run: 'true' }]\n");

    let refused = program.run(&["dry-run", "--cloud", "c.json"]).exits(2);

    assert_eq!(
        refused.stderr,
        "error: `--cloud` is not for dry runs: each has a local cloud of its own\n  \
         help: run the plan in that cloud: `shipway run --cloud c.json`\n"
    );
}
