//! `shipway report`: the reports of an earlier run, made again from its events.

use crate::support::Program;
use crate::support::eventually;
use crate::support::state::{journal, newest, result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;

/// A service that fails after it wrote something, and one that is left out because of it.
const PLAN: &str = "\
name: shop
report: summary
services:
  web:
    steps:
      - { id: prepare, run: 'echo one; echo two >&2' }
      - { id: test, run: 'echo \"no <table> `users`\"; exit 3' }
  docs:
    steps:
      - { id: write, run: 'echo written', continue-on-error: true }
";

fn id(program: &Program) -> String {
    journal(program)[0]["run"].as_str().expect("an id").to_owned()
}

#[test]
fn each_report_is_made_again_as_it_was() {
    let program =
        Program::with_plan(PLAN).file("summary", "").env("GITHUB_STEP_SUMMARY", "summary");
    let run = program.run(&["run"]).exits(4);

    let log = program.run(&["report"]).exits(0);
    assert_eq!(log.stdout, run.stderr);
    assert_eq!(log.stderr, "");
    let named = program.run(&["report", &id(&program)]).exits(0);
    assert_eq!(named.stdout, run.stderr);

    let summary = program.run(&["report", "--as", "summary"]).exits(0).stdout;
    let written = fs::read_to_string(program.path("summary")).expect("a summary");
    assert_eq!(summary.trim_end(), written.trim_end());
    let comment = program.run(&["report", "--as", "comment"]).exits(0).stdout;
    assert!(comment.starts_with("### shop: ❌ failed"), "{comment}");
    assert!(summary.starts_with(comment.lines().next().expect("a heading")), "{comment}");

    let again = program.run(&["report", "--as", "result"]).exits(0).stdout;
    let again: serde_json::Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!(again, result(&program));

    let events = program.run(&["report", "--as", "events"]).exits(0).stdout;
    let first = events.lines().next().expect("an event");
    assert!(first.starts_with(r#"{"at":0.0,"event":"run-started","run":""#), "{first}");
    assert!(events.contains(r#""event":"output-line""#), "{events}");
    let last = events.lines().last().expect("an event");
    assert!(last.contains(r#""event":"run-finished","status":"failed","exit-code":4"#), "{last}");
}

#[test]
fn a_resumed_run_is_shown_from_its_beginning() {
    let program = Program::with_plan(PLAN);
    let first = program.run(&["run"]).exits(4);
    let second = program.run(&["resume"]).exits(4);

    let log = program.run(&["report"]).exits(0);
    assert_eq!(log.stdout, format!("{}{}", first.stderr, second.stderr));
    let again = program.run(&["report", "--as", "result"]).exits(0).stdout;
    let again: serde_json::Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!(again, result(&program));
}

#[test]
fn a_run_that_was_killed_shows_how_far_it_came() {
    let plan = "name: shop\nreport: none\nsteps:\n  - run: touch started; sleep 600\n";
    let program = Program::with_plan(plan);
    let child = program.start(&["run"]);
    eventually("the step has started", || program.path("started").exists().then_some(()));
    let id = id(&program);
    let shown = program.run(&["report"]).exits(0);
    assert_eq!(shown.stderr, format!("note: run {id} is still going on\n"));
    let pid = Pid::from_raw(child.id().try_into().expect("a process id"));
    kill(pid, Signal::SIGKILL).expect("it runs");
    program.finish(child).exits(128 + 9);

    let shown = program.run(&["report"]).exits(0);
    assert_eq!(shown.stdout, format!("shop from shipway.yml, run {id}\nrun  started\n"));
    let note = format!("run {id} was ended from outside; `shipway resume {id}` continues it");
    assert_eq!(shown.stderr, format!("note: {note}\n"));
    for form in ["comment", "summary", "result"] {
        let refused = program.run(&["report", "--as", form]).exits(3);
        let help = format!("`shipway report {id}` shows how far it came");
        assert_eq!(refused.stderr, format!("error: {note}\n  help: {help}\n"));
    }
    let page = program.run(&["report", "--html"]).exits(0).stdout;
    assert!(page.contains(&format!("<p class=\"caution\">{note}</p>\n")), "{page}");
}

#[test]
fn secrets_are_not_in_the_file_of_events() {
    let plan = "\
name: shop
report: none
secrets: { token: { env: TOKEN } }
steps:
  - { run: 'echo $T; echo $T | base64', env: { T: '${{ secrets.token }}' } }
";
    let program = Program::with_plan(plan).env("TOKEN", "s3cr3t-value-of-it");
    program.run(&["run"]).exits(0);
    let folder = newest(&program, "runs").expect("a run");
    let events = fs::read_to_string(folder.join("events.jsonl")).expect("events");
    assert!(events.contains("***"), "{events}");
    assert!(!events.contains("s3cr3t") && !events.contains("czNjcjN0"), "{events}");
}

#[test]
fn a_run_that_is_not_there_is_named_with_the_newest() {
    let program = Program::with_plan(PLAN);
    let refused = program.run(&["report"]).exits(2);
    assert_eq!(
        refused.stderr,
        "error: there is no run in `.shipway`\n  help: name the plan's file with `--plan`, or the \
         folder with `--state-dir`\n"
    );
    program.run(&["run"]).exits(4);
    let refused = program.run(&["report", "nightly"]).exits(2);
    assert_eq!(
        refused.stderr,
        format!(
            "error: there is no run `nightly` in `.shipway`\n  help: the newest run is {}\n",
            id(&program)
        )
    );
}

#[test]
fn a_damaged_file_of_events_is_named_with_its_line() {
    let program = Program::with_plan(PLAN);
    program.run(&["run"]).exits(4);
    let file = newest(&program, "runs").expect("a run").join("events.jsonl");
    let text = fs::read_to_string(&file).expect("events");
    fs::write(&file, text.replacen("step-started", "step-Started", 1)).expect("written");
    let refused = program.run(&["report"]).exits(3);
    let id = id(&program);
    assert!(
        refused.stderr.starts_with(&format!(
            "error: line 2 of `.shipway/runs/{id}/events.jsonl` is not an event\n  because: unknown \
             variant `step-Started`"
        )),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_run_that_was_refused_after_the_one_that_is_shown_is_named() {
    let plan = "\
name: shop
report: none
secrets: { token: { env: THE_TOKEN } }
steps: [{ run: 'true', env: { T: '${{ secrets.token }}' } }]
";
    let program = Program::with_plan(plan).env("THE_TOKEN", "hunter22");
    program.run(&["run"]).exits(0);
    assert_eq!(program.run(&["report"]).exits(0).stderr, "");
    let program = program.env("THE_TOKEN", "");
    program.run(&["run"]).exits(3);
    let runs = fs::read_dir(program.path(".shipway/runs")).expect("runs");
    let refused = runs.flatten().map(|run| run.file_name()).max().expect("a run");

    let shown = program.run(&["report"]).exits(0);

    assert!(shown.stdout.contains("\nsucceeded  ("), "{}", shown.stdout);
    assert_eq!(
        shown.stderr,
        format!(
            "note: this is the newest run that began; run {} was refused since, before its first \
             step: cannot find the secret `token`: `THE_TOKEN` is empty\n",
            refused.display()
        )
    );
}

#[test]
fn page_of_a_run_is_written_to_a_file_or_to_standard_output() {
    let program = Program::with_plan(PLAN);
    program.run(&["run"]).exits(4);

    let done = program.run(&["report", "--html", "run.html"]).exits(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", "wrote run.html\n"));
    let page = fs::read_to_string(program.path("run.html")).expect("a page");
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">\n"), "{page}");
    assert!(page.contains("<h1>shop: <span class=\"bad\">failed</span></h1>"), "{page}");
    assert!(page.contains("<pre>no &lt;table&gt; \n<i>failed  ("), "{page}");
    assert!(page.contains("the script ended with exit code 3"), "{page}");
    let named = program.run(&["report", &id(&program), "--html"]).exits(0);
    assert_eq!((named.stdout, named.stderr.as_str()), (page, ""));
}

#[test]
fn page_that_cannot_be_written_is_named() {
    let program = Program::with_plan(PLAN);
    program.run(&["run"]).exits(4);

    let refused = program.run(&["report", "--html", "no/run.html"]).exits(2);
    assert_eq!(
        refused.stderr,
        "error: cannot write `no/run.html`\n  because: No such file or directory (os error 2)\n"
    );
    program.run(&["report", "--html", "--as", "log"]).exits(2);
}
