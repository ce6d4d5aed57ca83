//! The results of services: what ran, what did not, and why.

use crate::support::Program;

/// The table at the end of the log, without times.
#[track_caller]
fn table(program: &Program, arguments: &[&str], code: i32) -> Vec<String> {
    let finished = program.run(arguments).exits(code);
    let lines = finished.stderr.lines().rev().take_while(|line| line.starts_with("    "));
    let mut rows: Vec<String> =
        lines.map(|line| line.split("  (").next().unwrap_or_default().trim().to_owned()).collect();
    rows.reverse();
    rows
}

#[test]
fn a_service_whose_need_failed_is_skipped() {
    let program = Program::with_plan(
        "name: needy
services:
  a: { steps: [{ run: 'false' }] }
  b: { needs: [a], steps: [{ run: 'true' }] }
",
    );
    assert_eq!(table(&program, &["run"], 4), ["a  failed at a.run", "b  skipped: a failed"]);
}

#[test]
fn a_service_none_of_whose_steps_apply_is_skipped() {
    let program = Program::with_plan(
        "name: idle
services:
  a: { steps: [{ run: 'true', if: 'false' }] }
  b: { steps: [{ run: 'true' }] }
",
    );
    assert_eq!(table(&program, &["run"], 0), ["a  skipped: no step applies", "b  succeeded"]);
}

#[test]
fn a_tolerated_failure_is_shown_on_the_service() {
    let program = Program::with_plan(
        "name: tolerant
steps:
  - { id: lint, run: exit 3, continue-on-error: true }
  - run: 'true'
",
    );
    assert_eq!(
        table(&program, &["run"], 0),
        ["tolerant  succeeded, lint failed: the script ended with exit code 3"]
    );
}
