//! `shipway report --merge`: one report of the runs of several jobs.

use super::matrix::{plan, result};
use crate::support::Program;
use serde_json::{Value, json};
use std::fs;

/// A repository whose plan has two services, with the runs of jobs in `out`.
struct Jobs {
    program: Program,
}

impl Jobs {
    fn new(name: &str) -> Self {
        Self::reporting(name, "none")
    }

    fn reporting(name: &str, report: &str) -> Self {
        let plan = plan(2, None).replace("name: many", &format!("name: {name}"));
        let plan = plan.replace("report: [comment]", &format!("report: {report}"));
        let program = Program::with_plan(&plan).file(".gitignore", ".shipway\nout\n").committed();
        Self { program }
    }

    fn run(&self, command: &[&str], service: &str) -> String {
        self.run_to(0, command, service)
    }

    /// The id of a run that ends with this code.
    fn run_to(&self, code: i32, command: &[&str], service: &str) -> String {
        let out = format!("out/{service}");
        let line = ["--only", service, "--state-dir", out.as_str()];
        self.program.run(&[command, &line].concat()).exits(code);
        let runs = fs::read_dir(self.program.path(&out).join("runs")).expect("runs");
        let mut ids: Vec<String> =
            runs.flatten().map(|run| run.file_name().into_string().expect("an id")).collect();
        ids.sort();
        ids.pop().expect("a run")
    }

    fn head(&self) -> String {
        self.program.git(&["rev-parse", "--short=7", "HEAD"])
    }

    /// The ends of the services and the notes of the report.
    fn merge(&self, code: i32) -> (Vec<String>, Value, Value) {
        fs::remove_dir_all(self.program.path("merged")).ok();
        let line = ["report", "--merge", "out", "--state-dir", "merged"];
        self.program.run(&line).exits(code);
        let merged = result(&self.program.path("merged"));
        let ends = merged["services"].as_array().expect("services").iter();
        let ends = ends.map(|one| {
            format!("{} {} {}", one["name"], one["status"], one["reason"]).replace('"', "")
        });
        (ends.collect(), merged["notes"].clone(), merged["warnings"].clone())
    }
}

#[test]
fn runs_of_another_commit_and_dry_runs_make_no_status() {
    let jobs = Jobs::new("m");
    let first = [jobs.run(&["run"], "s0"), jobs.run(&["run"], "s1")];
    let (ends, notes, _) = jobs.merge(0);
    assert_eq!(ends, ["s0 succeeded null", "s1 succeeded null"]);
    assert_eq!(notes, json!([]));

    let before = jobs.head();
    jobs.program.git(&["commit", "--quiet", "--allow-empty", "--message=two"]);
    let head = jobs.head();
    let of_before = |id: &str| {
        format!("run {id} does not count: it is of commit {before}, this report of commit {head}")
    };
    let (ends, notes, _) = jobs.merge(4);
    assert_eq!(ends, ["s0 skipped no job ran it", "s1 skipped no job ran it"]);
    assert_eq!(notes, json!([of_before(&first[0]), of_before(&first[1])]));

    fs::remove_dir_all(jobs.program.path("out")).expect("removed");
    jobs.run(&["run"], "s0");
    let dry = jobs.run(&["dry-run", "--runtime", "built-in"], "s1");
    let (ends, notes, _) = jobs.merge(4);
    assert_eq!(ends, ["s0 succeeded null", "s1 skipped no job ran it"]);
    assert_eq!(notes, json!([format!("run {dry} does not count: it is a dry run")]));
}

#[test]
fn runs_of_another_plan_do_not_count_and_another_text_is_a_warning() {
    let jobs = Jobs::new("other");
    let other = jobs.run(&["run"], "s0");
    let text = fs::read_to_string(jobs.program.path("shipway.yml")).expect("a plan");
    let text = text.replace("name: other", "name: m");
    fs::write(jobs.program.path("shipway.yml"), &text).expect("written");
    let own = jobs.run(&["run"], "s1");
    fs::write(jobs.program.path("shipway.yml"), format!("# changed\n{text}")).expect("written");
    let (ends, notes, warnings) = jobs.merge(4);
    assert_eq!(ends, ["s0 skipped no job ran it", "s1 succeeded null"]);
    let expected =
        format!("run {other} does not count: it is of plan `other`, this report of plan `m`");
    assert_eq!(notes, json!([expected]));
    assert_eq!(warnings, json!([format!("run {own} is of another text of the plan")]));
}

#[test]
fn dry_runs_alone_make_the_report_of_a_dry_run() {
    let jobs = Jobs::reporting("m", "[status]");
    for service in ["s0", "s1"] {
        jobs.run(&["dry-run", "--runtime", "built-in"], service);
    }
    let (ends, notes, warnings) = jobs.merge(0);
    assert_eq!(ends, ["s0 succeeded null", "s1 succeeded null"]);
    let of_a_dry_run = "1 `run` step is a program of yours, which a dry run does not contain; \
                        `--skip-run` leaves it out";
    assert_eq!(notes, json!([of_a_dry_run]));
    // No status is made, so that GitHub's missing token is no reason to warn.
    assert_eq!(warnings, json!([]));
    assert_eq!(result(&jobs.program.path("merged"))["dry-run"], true);
}

/// As after "re-run failed jobs", whose artifacts have the runs of both attempts.
#[test]
fn service_that_was_run_again_counts_by_its_newest_run() {
    let plan = "name: m
report: [summary]
services:
  s0: { steps: [{ run: 'test -e go' }] }
  s1: { steps: [{ run: 'true' }] }
";
    let ignored = ".shipway\nout\nmerged\ngo\nsummary\n";
    let program = Program::with_plan(plan).file(".gitignore", ignored).committed();
    let jobs = Jobs { program: program.env("GITHUB_STEP_SUMMARY", "summary") };
    jobs.run_to(4, &["run"], "s0");
    jobs.run(&["run"], "s1");
    let (ends, notes, _) = jobs.merge(4);
    assert_eq!(ends, ["s0 failed null", "s1 succeeded null"]);
    assert_eq!(notes, json!([]));

    fs::write(jobs.program.path("go"), "").expect("written");
    jobs.run(&["run"], "s0");
    fs::write(jobs.program.path("summary"), "").expect("written");
    let (ends, _, _) = jobs.merge(0);
    assert_eq!(ends, ["s0 succeeded null", "s1 succeeded null"]);
    let merged = result(&jobs.program.path("merged"));
    assert_eq!((&merged["status"], &merged["refusals"]), (&json!("succeeded"), &json!([])));
    let summary = fs::read_to_string(jobs.program.path("summary")).expect("a summary");
    for step in ["`s0.run`", "`s1.run`"] {
        assert!(summary.contains(step), "{step}: {summary}");
    }
}

#[test]
fn run_that_cannot_be_read_counts_as_one_that_failed() {
    let jobs = Jobs::new("m");
    jobs.run(&["run"], "s0");
    let broken = jobs.run(&["run"], "s1");
    let folder = jobs.program.path("out/s1/runs").join(&broken);
    fs::write(folder.join("events.jsonl"), "{\n").expect("written");
    fs::remove_file(folder.join("result.json")).ok();
    let (ends, notes, _) = jobs.merge(4);
    assert_eq!(ends, ["s0 succeeded null", "s1 skipped no job ran it"]);
    let note = notes[0].as_str().expect("a note");
    let begins =
        format!("a job was refused: run {broken} cannot be read, and counts as one that failed: ");
    assert!(note.starts_with(&begins), "{note}");
}

#[test]
fn folder_without_a_run_is_reported_in_a_workflow() {
    let jobs = Jobs::new("m");
    let program = jobs.program.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", "written");
    let program = program.file("out/readme", "");
    for (folder, why) in
        [("out", "there is no run in it"), ("nowhere", "No such file or directory (os error 2)")]
    {
        let state = format!("merged-{folder}");
        let line = ["report", "--merge", folder, "--state-dir", &state];
        let finished = program.run(&line).exits(4);
        let warning = format!(
            "cannot merge the runs in `{folder}`: {why}; name the folder that the artifacts of the \
             jobs were downloaded to"
        );
        assert!(finished.stderr.contains(&warning), "{}", finished.stderr);
        let merged = result(&program.path(&state));
        assert_eq!((&merged["status"], &merged["warnings"]), (&json!("failed"), &json!([warning])));
        assert_eq!(merged["services"][0]["reason"], "no job ran it");
    }
}

#[test]
fn folder_without_a_run_is_refused() {
    let program = Program::with_plan(&plan(2, None)).file("runs/readme", "");
    let refused = program.run(&["report", "--merge", "runs"]).exits(2);
    refused.says_in_order(&[
        "error: cannot merge the runs in `runs`\n  because: there is no run in it\n  help: name the \
         folder that the artifacts of the jobs were downloaded to\n",
    ]);
}
