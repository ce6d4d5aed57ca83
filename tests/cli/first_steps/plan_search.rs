//! The plan of a command that names none.

use crate::support::Program;

const PLAN: &str = "name: a\nsteps:\n- run: test -f ../done || test -f done\n";

#[test]
fn plan_of_a_folder_above_is_the_plan() {
    let program = Program::with_plan(PLAN).file("web/src/main.rs", "").committed();
    let checked = program.run_in("web/src", &["check"]).exits(0);
    assert_eq!(checked.stderr, "../../shipway.yml: no mistakes\n");
    let named = program.run_in("web", &["check", "shipway.yml"]).exits(2);
    assert_eq!(
        named.stderr,
        "error: cannot read the plan `shipway.yml`\n  because: No such file or directory (os error 2)\n  \
         help: name the plan's file, as in `shipway check PLAN`, or write a first one with `shipway init`\n"
    );
    let help = program.run_in("web", &["logs", "--help"]).exits(0).stdout;
    assert!(help.contains("[default: ../shipway.yml]"), "{help}");
}

#[test]
fn plan_may_end_in_yaml() {
    let program = Program::new().file("shipway.yaml", PLAN);
    assert_eq!(program.run(&["check"]).exits(0).stderr, "shipway.yaml: no mistakes\n");
    assert_eq!(program.run(&["eval", "run.dry-run"]).exits(0).stdout, "false\n");
}

#[test]
fn folders_above_belong_to_the_same_repository() {
    let program = Program::with_plan(PLAN).file("web/a", "");
    let checked = program.run_in("web", &["check"]).exits(2);
    assert_eq!(
        checked.stderr,
        "error: cannot read the plan `shipway.yml`\n  because: No such file or directory (os error 2)\n  \
         help: name the plan's file, as in `shipway check PLAN`, or write a first one with `shipway init`\n"
    );
}

/// The state is beside the plan, wherever the commands are typed.
#[test]
fn run_is_resumed_from_another_folder() {
    let program =
        Program::with_plan(PLAN).file("web/a", "").file(".gitignore", "done\n").committed();
    program.run_in("web", &["run"]).exits(4);
    assert!(program.path(".shipway/runs").is_dir());
    std::fs::write(program.path("done"), "").expect("a file can be written");
    program.run(&["resume"]).exits(0);
    program.run_in("web", &["report"]).exits(0);
    let cleaned = program.run_in("web", &["clean", "--keep", "0"]).exits(0);
    assert!(cleaned.stdout.contains("run"), "{}", cleaned.stdout);
    assert_eq!(std::fs::read_dir(program.path(".shipway/runs")).expect("a folder").count(), 0);
}

#[test]
fn plan_of_the_action_may_end_in_yaml() {
    let program = Program::new().file("shipway.yaml", PLAN).env("INPUT_COMMAND", "check");
    let checked = program.run(&["action"]).exits(0);
    assert_eq!(checked.stderr, "");
}
