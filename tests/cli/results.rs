//! The results of services: what ran, what did not, and why.

use crate::support::Program;
use crate::support::state::result;

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
fn a_run_of_which_no_step_applies_is_skipped() {
    let program = Program::with_plan(
        "name: idle
services:
  a: { steps: [{ run: 'true', if: 'false' }] }
  b: { needs: [a], steps: [{ run: 'true', if: 'false' }] }
",
    );
    program.run(&["run"]).exits(0).says_in_order(&[
        "\nskipped  (",
        "\n    a  skipped: no step applies\n",
        "    b  skipped: no step applies\n",
    ]);
    assert_eq!(result(&program)["status"], "skipped");
}

#[test]
fn what_the_command_line_leaves_out_is_shown_as_left_out() {
    let program = Program::with_plan(
        "name: early
services:
  web:
    steps:
      - { id: test, run: 'true' }
      - build: { layers: [{ from: hello, to: /hello }] }
      - tag: demo.azurecr.io/early:v1
      - push:
  docs: { needs: [web], steps: [{ run: 'true' }] }
",
    )
    .file("hello", "hello\n");

    let finished = program.run(&["run", "--until", "web.build"]).exits(0);
    finished.says_in_order(&[
        "\nweb.tag    skipped: left out by `--until web.build`\n",
        "\nweb.push   skipped: left out by `--until web.build`\n",
        "\ndocs.run   skipped: left out by `--until web.build`\n",
        "\nweb.test   started\n",
        "\nskipped  (",
        "\n    web   skipped, not pushed: left out by `--until web.build`  (",
        "\n    docs  skipped, `run` not run: left out by `--until web.build`\n",
    ]);
    let outputs = result(&program);
    assert_eq!(outputs["status"], "skipped");
    assert_eq!(outputs["services"][0]["missing"], "not pushed");
    assert_eq!(outputs["services"][0]["reason"], "left out by `--until web.build`");

    let rows = table(&program, &["dry-run", "--skip-run"], 0);
    assert_eq!(
        rows[..2],
        [
            "web   succeeded, `test` not run: left out by `--skip-run`",
            "docs  skipped, `run` not run: left out by `--skip-run`",
        ]
    );
    assert_eq!(result(&program)["status"], "succeeded");
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

#[test]
fn steps_that_failed_after_the_first_one_are_in_the_result() {
    let program = Program::with_plan(
        "name: cleaning
steps:
  - { id: test, run: exit 3 }
  - { id: undo, if: failure(), run: exit 5 }
  - { id: note, if: always(), run: 'true' }
",
    );
    assert_eq!(table(&program, &["run"], 4), ["cleaning  failed at test, then at undo"]);
    let later = &result(&program)["services"][0]["later-failures"];
    assert_eq!(later[0]["step"]["step"], "undo");
    assert_eq!(later[0]["failure"]["chain"][0], "the script ended with exit code 5");
}

/// The result of a dry run of a plan whose `deploy` and `verify` end like this.
fn left_out(deploy: &str, verify: &str) -> String {
    let program = Program::with_plan(&format!(
        "name: partly
report: none
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build:
      layers: [{{ from: busybox, to: /busybox, mode: '0755' }}]
      entrypoint: [/busybox, sleep, '600']
  - tag: demo.azurecr.io/partly:v1
  - push:
  - deploy: {{ aci: {{ name: partly }} }}
{deploy}  - verify: http://partly.example.com/
{verify}"
    ))
    .applets();
    table(&program, &["dry-run", "--runtime", "built-in"], 0)[0].clone()
}

#[test]
fn deploy_or_verify_that_its_own_condition_leaves_out_is_named() {
    let never = "    if: github.event_name == 'schedule'\n";
    assert_eq!(left_out(never, never), "partly  succeeded, not deployed: its `if` is false");
    assert_eq!(left_out("", never), "partly  succeeded, not verified: its `if` is false");
}
