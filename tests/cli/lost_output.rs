//! Results that cannot be written are not passed over in silence.

use crate::support::Program;
use std::fs::File;
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
                 because: No space left on device (os error 28)\n";

    assert_eq!(on_a_full_device(&program, &["schema"]), (Some(3), error.to_owned()));
    let (code, said) = on_a_full_device(&program, &["run", "--output", "json"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.ends_with(error), "{said}");
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
