//! What `resume` does with steps that were stopped, and with what they left.

use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;

/// A step that ends well when it is told to end, half way through its work.
const POLITE: &str = "\
name: migration
report: none
steps:
  - id: migrate
    run: |
      trap 'exit 0' TERM
      echo begun >> work
      for i in $(seq 600); do sleep 0.1; done
      echo complete >> work
  - { id: next, run: echo next >> work }
";

fn work(program: &Program) -> String {
    fs::read_to_string(program.path("work")).unwrap_or_default()
}

/// Starts a plan, stops it once its step has begun, and returns what it said.
fn stopped(program: &Program) -> String {
    let child = program.start(&["run"]);
    eventually("the step has begun", || program.path("work").exists().then_some(()));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the program is there");
    program.finish(child).exits(130).stderr
}

#[test]
fn a_step_that_ends_well_when_it_is_stopped_is_cancelled_and_in_doubt() {
    let program = Program::with_plan(POLITE);

    let said = stopped(&program);

    assert!(said.contains("\n    migration  cancelled"), "{said}");
    let refused = program.run(&["resume"]).exits(3);
    refused.begins_with(
        "error: `migrate` was started, and it is not known whether it was done\n  \
         help: repeat it with `--rerun migrate`, or let the plan say `idempotent: true` for it\n",
    );
    assert_eq!(work(&program), "begun\n");
}

#[test]
fn a_step_that_a_stop_ends_with_an_error_is_cancelled_and_not_failed() {
    let program = Program::with_plan(&POLITE.replace("exit 0", "exit 7"));

    let said = stopped(&program);

    assert!(said.contains("\n    migration  cancelled"), "{said}");
    assert!(!said.contains("failed"), "{said}");
    program.run(&["resume"]).exits(3);
}

#[test]
fn rerun_of_a_step_that_is_not_there_is_refused() {
    let program = Program::with_plan(POLITE);
    stopped(&program);

    let refused = program.run(&["resume", "--rerun", "migrat"]).exits(2);

    refused.begins_with(
        "error: `--rerun migrat`: there is no such step\n  help: did you mean `migrate`?\n",
    );
}

/// A step whose output is made from a secret, one that fails until `go` exists, and one
/// that uses the output.
const SECRET_OUTPUT: &str = "\
name: token
report: none
secrets: { key: { env: KEY } }
steps:
  - id: gen
    run: echo \"token=prefix-$K\" >> \"$SHIPWAY_OUTPUT\"
    env: { K: '${{ secrets.key }}' }
  - { id: gate, run: test -f go }
  - id: use
    run: echo ${#T} > characters
    env: { T: '${{ steps.gen.outputs.token }}' }
";

#[test]
fn an_output_made_from_a_secret_is_not_taken_for_empty() {
    let program = Program::with_plan(SECRET_OUTPUT).env("KEY", "hunter22secretvalue");
    program.run(&["run"]).exits(4);
    let program = program.file("go", "");

    let resumed = program.run(&["resume"]).exits(3);
    let from = program.run(&["run", "--from", "use"]).exits(3);

    let refusal = "error: `use` needs the output `token` of `gen`, which was made from a secret \
                   and is kept nowhere\n  help: start again with the step that makes it: \
                   `--from gen`\n";
    resumed.begins_with(refusal);
    from.begins_with(refusal);
    assert!(!program.path("characters").exists());

    program.run(&["run", "--from", "gen"]).exits(0);
    assert_eq!(fs::read_to_string(program.path("characters")).expect("written"), "26\n");
}

/// Two services whose steps wait for a stop.
const TWO: &str = "\
name: migration
report: none
services:
  one: { steps: [{ id: run, run: 'echo begun >> one; sleep 600' }] }
  two: { steps: [{ id: run, run: 'echo begun >> two; sleep 600' }] }
";

#[test]
fn all_steps_in_doubt_are_named_at_once() {
    let program = Program::with_plan(TWO);
    let child = program.start(&["run"]);
    let has_begun = || program.path("one").exists() && program.path("two").exists();
    eventually("both steps have begun", || has_begun().then_some(()));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the program is there");
    program.finish(child).exits(130);

    let refused = program.run(&["resume"]).exits(3);

    refused.begins_with(
        "error: `one.run` and `two.run` were started, and it is not known whether they were done\n  \
         help: repeat them with `--rerun one.run --rerun two.run`, or let the plan say \
         `idempotent: true` for them\n",
    );
}
