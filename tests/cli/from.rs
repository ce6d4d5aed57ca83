//! `--from` goes on from an earlier run of the same plan and environment, and says so
//! without one.

use crate::support::Program;
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
