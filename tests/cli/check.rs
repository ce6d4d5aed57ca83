//! `shipway check` looks for the files that a build takes.

use crate::support::Program;

const PLAN: &str = "name: a\nsteps:\n- build: web\n";

#[test]
fn missing_folder_of_a_build_is_an_error_with_its_line() {
    assert_eq!(
        Program::with_plan(PLAN).run(&["check"]).exits(2).stderr,
        "error[missing-path]: there is no folder `web` to build from
 --> shipway.yml:3:10
  |
3 | - build: web
  |          ^^^
  |
  = help: paths are relative to the plan's folder
"
    );
}

#[test]
fn missing_layer_is_a_warning() {
    let plan = "name: a\nsteps:\n- build: { layers: [{ from: dist, to: /srv }] }\n";
    let checked = Program::with_plan(plan).run(&["check"]).exits(0);
    assert!(checked.stderr.starts_with("warning[missing-path]: `dist` does not exist\n"));
}

#[test]
fn folder_with_a_dockerfile_is_found_beside_the_plan() {
    let program =
        Program::with_plan("").file("app/shipway.yml", PLAN).file("app/web/Dockerfile", "");
    assert_eq!(
        program.run(&["check", "app/shipway.yml"]).exits(0).stderr,
        "app/shipway.yml: no mistakes\n"
    );
}
