//! `if` of a service.

use crate::support::Program;

const PLAN: &str = "\
name: shop
vars: { full: 'no' }
services:
  web:
    steps: [{ run: echo web }]
  docs:
    if: vars.full == 'yes'
    needs: [web]
    steps:
      - run: echo docs
      - { run: echo never, if: \"'a' == 'b'\" }
";

#[test]
fn service_runs_where_its_condition_holds() {
    let program = Program::with_plan(PLAN);
    let finished = program.run(&["run"]).exits(0);
    for said in [
        "docs.run    skipped: its `if` is false\n",
        "docs.run-2  skipped: its `if` is false\n",
        "    docs  skipped: no step applies\n",
    ] {
        assert!(finished.stderr.contains(said), "{said}{}", finished.stderr);
    }
    let finished = program.run(&["run", "--set", "full=yes"]).exits(0);
    assert!(finished.stderr.contains("│ docs\n"), "{}", finished.stderr);
    // The condition of the step has to hold, too.
    assert!(!finished.stderr.contains("│ never"), "{}", finished.stderr);
}

#[test]
fn service_may_clean_up_after_a_failure() {
    let plan = PLAN
        .replace("echo web", "exit 3")
        .replace("vars.full == 'yes'", "always() && vars.full == 'no'");
    let failed = Program::with_plan(&plan).run(&["run"]).exits(4);
    assert!(failed.stderr.contains("│ docs\n"), "{}", failed.stderr);
}

#[test]
fn mistakes_in_the_condition_are_shown_once() {
    let refused = Program::with_plan(&PLAN.replace("vars.full", "vars.ful")).run(&["check"]);
    let refused = refused.exits(2);
    assert_eq!(refused.stderr.matches("error[").count(), 1, "{}", refused.stderr);
    let words = "error[unknown-variable]: no variable is called `ful`\n --> shipway.yml:7:9\n";
    assert!(refused.stderr.starts_with(words), "{}", refused.stderr);
}
