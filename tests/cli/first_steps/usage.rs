//! What is wrong with the command line is exit code 2, with its remedy.

use crate::support::cloud::{LocalCloud, state};
use crate::support::{Finished, Program};
use serde_json::json;
use std::io::Write as _;
use std::process::Stdio;

const PLAN: &str = "name: shop\nreport: none\nsteps: [{ run: 'true' }]\n";

/// The first line of what is said, and its remedy.
fn refused(arguments: &[&str]) -> String {
    let finished = Program::with_plan(PLAN).run(arguments).exits(2);
    let lines = finished.stderr.lines();
    let told: Vec<&str> =
        lines.filter(|line| line.starts_with("error") || line.starts_with("  help")).collect();
    told.join("\n")
}

#[test]
fn options_of_a_dry_run_that_name_nothing_are_mistakes() {
    assert_eq!(
        refused(&["dry-run", "--seed-image", "x"]),
        "error: `--seed-image x` seeds nothing\n  help: write `--seed-image REFERENCE=oci:FOLDER`"
    );
    assert_eq!(
        refused(&["dry-run", "--secret-env", "NO_SUCH"]),
        "error: `--secret-env NO_SUCH`: the variable `NO_SUCH` is not set\n  \
         help: set it, or name another one: `--secret-env NAME=VARIABLE`"
    );
    assert_eq!(
        refused(&["dry-run", "--secret-env", "no-such=HOME"]),
        "error: the plan declares no secret `no-such`\n  help: it declares none"
    );
    assert_eq!(
        refused(&["dry-run", "--secrets-file", "nowhere"]),
        "error: cannot read the secrets' file `nowhere`"
    );
}

#[test]
fn options_of_what_is_shown_name_what_is_there() {
    assert_eq!(
        refused(&["run", "--logs", "rum"]),
        "error: `--logs rum`: there is no such step\n  help: did you mean `run`?"
    );
    assert_eq!(
        refused(&["dry-run", "--open"]),
        "error: `--open` has nothing to open: the cloud of a dry run ends with it\n  \
         help: add `--keep`, or `--detach` to leave it up"
    );
}

#[test]
fn event_that_is_no_file_is_a_mistake() {
    assert_eq!(
        refused(&["run", "--event", "foo"]),
        "error: cannot read the event in `DIR/foo`\n  help: give a payload as GitHub sends it, or \
         `--event push`, or `--event pull_request`"
    );
}

#[test]
fn pull_request_without_a_number_is_a_mistake() {
    for command in ["run", "status", "down"] {
        let said = Program::with_plan(PLAN).run(&[command, "--pr", "0"]).exits(2).stderr;
        assert!(said.contains("invalid value '0' for '--pr <N"), "{said}");
    }
}

#[test]
fn cloud_file_that_is_not_there_is_a_mistake() {
    assert_eq!(
        refused(&["run", "--cloud", "nowhere"]),
        "error: cannot read `nowhere`\n  help: `shipway local --cloud FILE` writes it while it is up"
    );
    assert_eq!(
        refused(&["local", "stop", "nowhere"]),
        "error: cannot stop the local cloud of `nowhere`\n  help: name the file that the cloud \
         wrote; without one, the newest cloud here is meant"
    );
}

#[test]
fn cloud_that_has_ended_is_named() {
    let folder = state();
    let cloud = LocalCloud::start(folder.path(), json!({}));
    let file = std::fs::read(&cloud.path).expect("its file");
    let program = Program::with_plan(PLAN);
    let file_name = program.path("cloud.json");
    drop(cloud);
    std::fs::write(&file_name, file).expect("a file");
    for command in ["run", "status", "doctor"] {
        let said = program.run(&[command, "--cloud", "cloud.json"]).exits(2).stderr;
        assert_eq!(
            said,
            "error: the local cloud of `cloud.json` is not up any more\n  help: `shipway local \
             --cloud FILE` writes it while it is up\n",
            "{command}"
        );
    }
}

#[test]
fn file_that_is_no_cloud_file_is_not_overwritten() {
    let program = Program::with_plan(PLAN);
    let refused = program.run(&["local", "--cloud", "shipway.yml"]).exits(3);
    assert!(
        refused.stderr.contains("`shipway.yml` is not a file of a local cloud; it would be"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read_to_string(program.path("shipway.yml")).expect("the plan"), PLAN);
}

#[test]
fn command_without_a_plan_names_the_way_to_one() {
    let told = |arguments: &[&str]| Program::new().run(arguments).exits(2).stderr;
    let missing = "error: cannot read the plan `shipway.yml`\n  because: No such file or directory \
                   (os error 2)\n  help: name the plan's file ";
    for command in ["run", "dry-run", "plan", "preview", "matrix", "doctor"] {
        let help = "as the argument PLAN, or write a first one with `shipway init`\n";
        assert_eq!(told(&[command]), format!("{missing}{help}"), "{command}");
    }
    for command in ["status", "logs", "resume"] {
        let help = "with `--plan PLAN`, or write a first one with `shipway init`\n";
        assert_eq!(told(&[command]), format!("{missing}{help}"), "{command}");
    }
}

#[test]
fn plan_that_was_named_and_is_not_there_is_no_empty_cloud() {
    let told = Program::new().run(&["local", "--plan", "shipway.yml"]).exits(2).stderr;
    assert_eq!(
        told,
        "error: cannot read the plan `shipway.yml`\n  because: No such file or directory (os \
         error 2)\n  help: name the plan's file with `--plan PLAN`, or write a first one with \
         `shipway init`\n"
    );
}

/// Checks what standard input has.
fn check_input(name: &str, text: &str) -> Finished {
    let program = Program::new();
    let mut command = program.command(&["check", name]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    program.finish(child)
}

#[test]
fn plan_is_read_from_standard_input() {
    for name in ["-", "/dev/stdin"] {
        let checked = check_input(name, PLAN).exits(0);
        assert_eq!(checked.stderr, format!("{name}: no mistakes\n"));
        let refused = check_input(name, "nme: shop\n").exits(2);
        assert!(refused.stderr.contains(&format!(" --> {name}:1:1\n")), "{}", refused.stderr);
    }
}

#[test]
fn named_pipe_is_refused_and_not_waited_for() {
    let program = Program::new();
    let path = program.path("plan.yml");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe can be made");

    let refused = program.run(&["check", "plan.yml"]).exits(2);

    assert_eq!(
        refused.stderr,
        "error: cannot read the plan `plan.yml`\n  because: it is a named pipe; `-` reads standard \
         input\n"
    );
}

#[test]
fn command_line_that_is_wrong_is_so_for_every_command() {
    for arguments in [&["eval"][..], &["schema", "x"], &["logs", "--tail", "-1"], &["run", "-x"]] {
        let said = Program::with_plan(PLAN).run(arguments).exits(2).stderr;
        assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn hidden_command_is_not_suggested() {
    let said = |word: &str| Program::new().run(&[word]).exits(2).stderr;
    let unknown = said("nope");
    assert!(unknown.starts_with("error: unrecognized subcommand 'nope'\n"), "{unknown}");
    assert!(!unknown.contains("complete"), "{unknown}");
    let near = said("complet");
    assert!(near.contains("'completions'") && !near.contains("'complete'"), "{near}");
}
