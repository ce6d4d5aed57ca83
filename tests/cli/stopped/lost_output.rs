//! Results that cannot be written are not passed over in silence.

use crate::support::Program;
use crate::support::state::{newest, result};
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

const LOST: &str = "\
error: cannot write outputs to `DIR/missing/output`
  because: No such file or directory (os error 2)
  help: what the run did stands, but later steps of the workflow would read empty outputs; make \
the file in `GITHUB_OUTPUT` writable, and run it again
";

#[test]
fn outputs_of_a_workflow_that_cannot_be_written_are_an_error() {
    let program = Program::with_plan("name: a\nreport: none\nsteps: [{ run: 'true' }]\n");
    let output = program.path("missing/output").display().to_string();
    let program = program.env("GITHUB_OUTPUT", &output);

    let finished = program.run(&["run"]).exits(1);
    finished.says_in_order(&["\nsucceeded  (", LOST]);
    let result = result(&program);
    assert_eq!((&result["status"], &result["exit-code"]), (&"succeeded".into(), &0.into()));

    let program = program.env("GITHUB_ACTIONS", "true");
    let finished = program.run(&["run"]).exits(1);
    let annotation = "::error title=the outputs are lost::cannot write outputs to `DIR/missing/output`%0A\
                      No such file or directory (os error 2)%0Ahelp: what the run did stands";
    assert!(finished.stderr.contains(annotation), "{}", finished.stderr);
}

#[test]
fn a_run_that_fails_keeps_its_exit_code_where_its_outputs_cannot_be_written() {
    let program = Program::with_plan("name: a\nreport: none\nsteps: [{ run: 'false' }]\n");
    let output = program.path("missing/output").display().to_string();
    let program = program.env("GITHUB_OUTPUT", &output);
    let finished = program.run(&["run"]).exits(4);
    assert!(finished.stderr.ends_with(LOST), "{}", finished.stderr);
}

#[test]
fn result_that_cannot_be_written_keeps_the_outputs_and_is_an_error() {
    let plan = "name: a
report: none
steps: [{ run: 'for run in .shipway/runs/*; do mkdir $run/result.json; done' }]
";
    let program = Program::with_plan(plan).file("output", "").env("GITHUB_OUTPUT", "output");
    let finished = program.run(&["run"]).exits(1);
    let folder = newest(&program, "runs").expect("a run");
    let run = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let error = format!(
        "error: cannot write the result to `DIR/.shipway/runs/{run}/result.json`\n  \
         because: Is a directory (os error 21)\n  \
         help: what the run did stands, and only its result is lost; free some space, or name \
         another folder with `--state-dir`\n"
    );
    assert!(finished.stderr.ends_with(&error), "{}", finished.stderr);
    let outputs = fs::read_to_string(program.path("output")).expect("outputs");
    assert!(outputs.contains("\nsucceeded\n"), "{outputs}");
}
