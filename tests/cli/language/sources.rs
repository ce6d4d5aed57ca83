//! What is built and shipped is what is reported: `resume` and `--from` look at git again.

use crate::support::Program;
use crate::support::state::journal;
use std::fs;

/// Builds a page once `.git/GO` exists, which git does not see.
const GATED: &str = "\
name: shop
report: none
environments: { production: { protected: true }, test: {} }
steps:
  - { id: gate, run: test -e .git/GO }
  - build: { layers: [{ from: page, to: /page }] }
";

fn committed(plan: &str) -> Program {
    Program::with_plan(plan).file("page", "one\n").committed()
}

fn head(program: &Program) -> String {
    program.git(&["rev-parse", "--short=7", "HEAD"])
}

/// Commits another page, and returns the commit.
fn commit_another_page(program: &Program) -> String {
    fs::write(program.path("page"), "two\n").expect("written");
    program.git(&["commit", "--quiet", "--all", "--message=two"]);
    head(program)
}

/// The id of the newest run.
fn newest(program: &Program) -> String {
    journal(program)[0]["run"].as_str().expect("an id").to_owned()
}

fn cannot_resume(run: &str, step: &str, why: &str) -> String {
    format!(
        "error: cannot resume run {run}: `{step}` is still to be done, and the sources are not \
         those that the run began with\n  because: {why}\n"
    )
}

#[test]
fn resume_builds_no_other_commit_than_the_one_that_it_deploys() {
    for environment in ["production", "test"] {
        let program = committed(GATED);
        let first = head(&program);
        program.run(&["run", "--env", environment]).exits(4);
        let run = newest(&program);
        let program = program.file(".git/GO", "");
        let second = commit_another_page(&program);

        let refused = program.run(&["resume"]).exits(3);
        let why = format!("it began at commit {first}, and commit {second} is checked out now");
        let help = format!(
            "  help: check out commit {first} again, without changes, or start a new run with \
             `shipway run --env {environment}`\n"
        );
        refused.begins_with(&(cannot_resume(&run, "gate", &why) + &help));

        program.git(&["checkout", "--quiet", &first]);
        program.run(&["resume"]).exits(0);
    }
}

#[test]
fn resume_builds_no_uncommitted_changes_under_the_name_of_a_commit() {
    for environment in ["production", "test"] {
        let program = committed(GATED);
        let first = head(&program);
        program.run(&["run", "--env", environment]).exits(4);
        let run = newest(&program);
        let program = program.file(".git/GO", "").file("page", "changed\n");

        let refused = program.run(&["resume"]).exits(3);
        let why = format!(
            "it began at commit {first} without changes, and these files differ from it now: \
             `page`"
        );
        let help = format!(
            "  help: check out commit {first} again, without changes, or start a new run with \
             `shipway run --env {environment}`\n"
        );
        refused.begins_with(&(cannot_resume(&run, "gate", &why) + &help));
    }
}

#[test]
fn resume_of_a_run_with_changes_that_are_gone_is_refused() {
    let program = committed(GATED).file("page", "changed\n");
    let first = head(&program);
    program.run(&["run", "--env", "test"]).exits(4);
    let run = newest(&program);
    let program = program.file(".git/GO", "").file("page", "one\n");

    let refused = program.run(&["resume"]).exits(3);
    let why = format!("it began with changes to commit {first}, and they are gone now: `page`");
    let help = "  help: start a new run with `shipway run --env test`\n";
    refused.begins_with(&(cannot_resume(&run, "gate", &why) + help));

    let program = program.file("page", "changed\n");
    program.run(&["resume"]).exits(0);
}

#[test]
fn protected_environment_is_not_resumed_where_git_no_longer_answers() {
    let program = committed(GATED);
    program.run(&["run", "--env", "production"]).exits(4);
    let run = newest(&program);
    fs::rename(program.path(".git"), program.path("gone")).expect("moved");

    let refused = program.run(&["resume"]).exits(3);
    let why = "`production` is protected, and there is no commit to deploy: `DIR` is not in a git \
               repository";
    refused.begins_with(&cannot_resume(&run, "gate", why));
}

#[test]
fn resume_finishes_what_was_built_already_whatever_is_checked_out() {
    let plan = "\
name: shop
report: none
steps:
  - build: { layers: [{ from: page, to: /page }] }
  - verify: { http: 'http://127.0.0.1:9/', within: 100ms, every: 50ms }
";
    let program = committed(plan);
    program.run(&["run"]).exits(4);
    commit_another_page(&program);

    let again = program.run(&["resume"]).exits(4);
    again.says_in_order(&["build   done  by an earlier process", "verify  failed"]);
}

#[test]
fn changed_plan_may_be_the_only_file_that_changed() {
    let program = committed(GATED);
    program.run(&["run", "--env", "test"]).exits(4);
    let changed = GATED.replace("test -e .git/GO", "'true'");
    let program = program.file("shipway.yml", &changed).file("page", "changed\n");
    let run = newest(&program);
    let refused = program.run(&["resume", "--changed-plan"]).exits(3);
    let why = format!(
        "it began at commit {} without changes, and these files differ from it now: `page`, \
         `shipway.yml`",
        head(&program)
    );
    refused.begins_with(&cannot_resume(&run, "gate", &why));

    let program = program.file("page", "one\n");
    program.run(&["resume", "--changed-plan"]).exits(0);
}

#[test]
fn resumed_dry_run_notes_that_the_sources_have_changed() {
    let program = committed(GATED);
    let first = head(&program);
    program.run(&["dry-run", "--env", "test"]).exits(4);
    let run = newest(&program);
    let program = program.file(".git/GO", "");
    let second = commit_another_page(&program);

    let resumed = program.run(&["resume", "--dry-run"]).exits(0);
    let note = format!(
        "a real run would stop here: cannot resume run {run}: `gate` is still to be done, and the \
         sources are not those that the run began with: it began at commit {first}, and commit \
         {second} is checked out now"
    );
    assert!(resumed.stderr.contains(&note), "{}", resumed.stderr);
}

/// A build, and a step after it.
const BUILT: &str = "\
name: shop
report: none
steps:
  - build: { layers: [{ from: page, to: /page }] }
  - { id: ship, run: 'true' }
";

#[test]
fn from_ships_no_image_of_another_commit() {
    let program = committed(BUILT);
    let first = head(&program);
    program.run(&["run"]).exits(0);
    let run = newest(&program);
    program.run(&["run", "--from", "ship"]).exits(0);
    let second = commit_another_page(&program);

    let refusal = format!(
        "error: `--from ship`: `build` was done by run {run} at commit {first}, and this run is at \
         commit {second}\n  help: begin with it, `--from build`, or leave `--from` out\n"
    );
    program.run(&["run", "--from", "ship"]).exits(3).begins_with(&refusal);
    program.run(&["plan", "--offline", "--from", "ship"]).exits(3).begins_with(&refusal);
    program.run(&["run", "--from", "ship", "--allow-older"]).exits(3).begins_with(&refusal);

    program.run(&["run", "--from", "build"]).exits(0);
    program.run(&["run", "--from", "ship"]).exits(0);
}

#[test]
fn from_ships_no_uncommitted_changes_under_the_name_of_a_commit() {
    let program = committed(BUILT).file("page", "changed\n");
    let first = head(&program);
    program.run(&["run"]).exits(0);
    let run = newest(&program);
    program.run(&["run", "--from", "ship"]).exits(0);
    let program = program.file("page", "one\n");

    program.run(&["run", "--from", "ship"]).exits(3).begins_with(&format!(
        "error: `--from ship`: `build` was done by run {run} at commit {first} with uncommitted \
         changes, and this run is at commit {first}\n  help: begin with it, `--from build`, or \
         leave `--from` out\n"
    ));
}

#[test]
fn from_uses_no_outputs_that_a_program_made_of_another_commit() {
    let plan = "\
name: shop
report: none
services:
  web:
    steps:
      - { id: make, run: 'echo image=of-the-page >> $SHIPWAY_OUTPUT' }
      - { id: use, run: 'echo $I', env: { I: '${{ steps.make.outputs.image }}' } }
";
    let program = committed(plan);
    let first = head(&program);
    program.run(&["run"]).exits(0);
    let run = newest(&program);
    let second = commit_another_page(&program);

    program.run(&["run", "--from", "web.use"]).exits(3).begins_with(&format!(
        "error: `--from web.use`: `web.make` was done by run {run} at commit {first}, and this run \
         is at commit {second}\n  help: begin with it, `--from web.make`, or leave `--from` out\n"
    ));
}

#[test]
fn dry_run_notes_that_from_would_ship_another_commit() {
    let program = committed(BUILT);
    let first = head(&program);
    program.run(&["dry-run"]).exits(0);
    let run = newest(&program);
    let second = commit_another_page(&program);

    let ran = program.run(&["dry-run", "--from", "ship"]).exits(0);
    let note = format!(
        "a real run would stop here: `--from ship`: `build` was done by run {run} at commit \
         {first}, and this run is at commit {second}"
    );
    assert!(ran.stderr.contains(&note), "{}", ran.stderr);
}
