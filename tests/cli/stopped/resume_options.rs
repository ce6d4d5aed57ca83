//! A resumed run has the options that the run was started with.

use crate::support::Program;
use crate::support::state::journal;
use std::fs;

/// A program of the user's before a build that fails until `tree` exists.
const SKIP_RUN: &str = "\
name: web
steps:
  - run: echo ran >> ran
  - build: { layers: [{ from: tree, to: /srv }] }
";

/// The lines that the steps wrote to `ran`.
fn ran(program: &Program) -> Vec<String> {
    let text = fs::read_to_string(program.path("ran")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn resume_keeps_skip_run() {
    let program = Program::with_plan(SKIP_RUN);
    program.run(&["dry-run", "--skip-run"]).exits(4);
    let program = program.file("tree/a", "a file\n");

    program.run(&["resume", "--dry-run"]).exits(0);

    assert_eq!(ran(&program), Vec::<String>::new());
}

#[test]
fn resume_runs_the_programs_of_a_run_that_did_not_skip_them() {
    let program = Program::with_plan(SKIP_RUN);
    program.run(&["dry-run"]).exits(4);
    let program = program.file("tree/a", "a file\n");

    program.run(&["resume", "--dry-run"]).exits(0);

    assert_eq!(ran(&program), ["ran"]);
}

/// Each service writes its name; each fails as long as `FILE` does not exist.
const SERVICES: &str = "\
name: shop
vars: { who: nobody }
environments:
  first: {}
  second: { vars: { place: elsewhere } }
services:
  one:
    steps:
      - { id: early, run: 'echo one.early >> ran' }
      - { id: gate, run: 'test -e FILE' }
      - { id: say, run: 'echo ${{ vars.who }} ${{ environment.name }} ${{ pr.number }} >> ran' }
      - { id: late, run: 'echo one.late >> ran' }
  two:
    steps:
      - { id: gate, run: 'test -e FILE' }
      - { id: say, run: 'echo two >> ran' }
";

/// What the steps wrote after `shipway run OPTIONS` failed and was resumed.
#[track_caller]
fn resumed(options: &[&str]) -> Vec<String> {
    let program = Program::with_plan(SERVICES);
    program.run(&[&["run"], options].concat()).exits(4);
    fs::remove_file(program.path("ran")).ok();
    let program = program.file("FILE", "");
    program.run(&["resume"]).exits(0);
    ran(&program)
}

#[test]
fn resume_keeps_only_and_until() {
    assert_eq!(resumed(&["--only", "two"]), ["two"]);
    assert_eq!(resumed(&["--only", "one", "--until", "one.gate"]), Vec::<String>::new());
}

#[test]
fn resume_keeps_from() {
    assert_eq!(resumed(&["--only", "one", "--from", "one.gate"]), ["nobody first", "one.late"]);
}

#[test]
fn resume_keeps_set_and_env_and_pr() {
    let options = ["--only", "one", "--set", "who=me", "--env", "second", "--pr", "7"];
    assert_eq!(resumed(&options), ["me second 7", "one.late"]);
}

#[test]
fn resume_keeps_keep_going() {
    let plan = "\
name: shop
services:
  one: { steps: [{ id: fail, run: 'exit 1' }] }
  two: { needs: [], steps: [{ id: wait, run: 'sleep 0.3; test -e FILE' }, { id: say, run: 'echo two >> ran' }] }
";
    let program = Program::with_plan(plan);
    program.run(&["run", "--keep-going"]).exits(4);
    let program = program.file("FILE", "");

    program.run(&["resume"]).exits(4);

    assert_eq!(ran(&program), ["two"]);
}

#[test]
fn a_damaged_journal_is_named_with_what_can_be_done() {
    let program = Program::with_plan("name: shop\nreport: none\nsteps:\n  - run: exit 1\n");
    let damage = || {
        let folder = crate::support::state::newest(&program, "runs").expect("a run");
        let file = folder.join("journal.jsonl");
        let text = fs::read_to_string(&file).expect("a journal");
        fs::write(&file, text.replacen("step-started", "step-Started", 1)).expect("written");
        folder.file_name().expect("a name").to_string_lossy().into_owned()
    };
    program.run(&["run"]).exits(4);
    let first = journal(&program)[0]["run"].as_str().expect("an id").to_owned();
    program.run(&["run"]).exits(4);
    let second = damage();

    let refused = program.run(&["resume"]).exits(3);
    assert_eq!(
        refused.stderr,
        format!(
            "error: cannot resume run {second}\n  because: line 2 of the journal \
             `DIR/.shipway/runs/{second}/journal.jsonl` is not as it was written\n  help: begin \
             again with `shipway run`, or continue the run before it with `shipway resume {first}`\n"
        )
    );
    let refused = program.run(&["resume", &second]).exits(3);
    assert!(
        refused.stderr.ends_with(
            "help: look with `shipway status` at what it has deployed, then begin again with \
             `shipway run`, or with `shipway dry-run` if it was one\n"
        ),
        "{}",
        refused.stderr
    );
    program.run(&["resume", &first]).exits(4);
}

#[test]
fn a_run_of_an_older_version_is_not_resumed() {
    let program = Program::with_plan(SKIP_RUN);
    program.run(&["run"]).exits(4);
    let entry = journal(&program).remove(0);
    let mut old = entry.clone();
    old["version"] = 1.into();
    old["selection"] = serde_json::json!({ "from": null, "until": null, "only": [] });
    old["options"] = serde_json::json!({ "keep-going": false, "local": "/nowhere" });
    let folder = crate::support::state::newest(&program, "runs").expect("a run");
    fs::write(folder.join("journal.jsonl"), format!("{old}\n")).expect("written");

    let refused = program.run(&["resume"]).exits(3);

    let run = entry["run"].as_str().expect("an id");
    assert_eq!(
        refused.stderr,
        format!(
            "error: run {run} was started by an older version of Shipway\n  help: start a new run\n"
        )
    );
}

#[test]
fn options_of_a_dry_run_are_refused_for_a_run_that_deploys() {
    let program = Program::with_plan(SKIP_RUN);
    program.run(&["run"]).exits(4);
    let run = journal(&program)[0]["run"].as_str().expect("an id").to_owned();
    let program = program.file("tree/a", "a file\n");

    for (options, given) in [
        (&["--dry-run"][..], "`--dry-run`"),
        (&["--keep"], "`--keep`"),
        (&["--runtime", "built-in"], "options of the local cloud"),
    ] {
        let refused = program.run(&[&["resume", &run], options].concat()).exits(2);
        assert_eq!(
            refused.stderr,
            format!(
                "error: run {run} is not a dry run, and cannot be resumed with {given}\n  help: \
                 `shipway resume {run}` continues it, and deploys to Azure\n"
            )
        );
    }
    assert_eq!(ran(&program), ["ran"]);
}

#[test]
fn a_dry_run_that_is_named_stays_one() {
    let program = Program::with_plan(SKIP_RUN);
    program.run(&["dry-run"]).exits(4);
    let run = journal(&program)[0]["run"].as_str().expect("an id").to_owned();
    let program = program.file("tree/a", "a file\n");

    let finished = program.run(&["resume", &run]).exits(0);

    assert!(finished.stderr.contains("dry run"), "{}", finished.stderr);
}

#[test]
fn a_run_that_failed_before_one_that_succeeded_is_resumed_only_by_name() {
    let program = Program::with_plan(SERVICES);
    let id = || journal(&program)[0]["run"].as_str().expect("an id").to_owned();
    program.run(&["run"]).exits(4);
    let failed = id();
    fs::write(program.path("FILE"), "").expect("written");
    program.run(&["run", "--env", "second"]).exits(0);
    // Another environment says nothing of this one.
    program.run(&["run", "--until", "gate"]).exits(0);
    let succeeded = id();

    let refused = program.run(&["resume"]).exits(2);

    assert_eq!(
        refused.stderr,
        format!(
            "error: run {failed} did not succeed, but run {succeeded} has since\n  help: `shipway \
             resume {failed}` puts what it was to deploy in the place of that all the same\n"
        )
    );
    program.run(&["resume", &failed]).exits(0);
}

#[test]
fn steps_that_were_done_before_the_plan_changed_are_named_in_every_report() {
    let plan = |said: &str| {
        format!(
            "name: shop\nreport: none\nsteps:\n  - {{ id: say, run: 'echo {said} >> ran' }}\n  - {{ id: \
             same, run: 'true' }}\n  - {{ id: gate, run: 'test -e FILE' }}\n"
        )
    };
    let program = Program::with_plan(&plan("one"));
    program.run(&["run"]).exits(4);
    let program = program.file("FILE", "").file("shipway.yml", &plan("two"));

    let resumed = program.run(&["resume", "--changed-plan"]).exits(0);

    let warning = "`say` was done with the plan as it was before its change, and stays so; `shipway \
                   run --from say` does what the plan says now";
    assert!(resumed.stderr.contains(&format!("\nwarning  {warning}\n")), "{}", resumed.stderr);
    assert_eq!(crate::support::state::result(&program)["warnings"], serde_json::json!([warning]));
    assert_eq!(ran(&program), ["one"]);

    program.run(&["run", "--from", "say"]).exits(0);
    assert_eq!(ran(&program), ["one", "two"]);
}
