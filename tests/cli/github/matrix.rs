//! `shipway matrix`, and the report of the jobs that it divides a plan among.

use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const LEVELS: usize = 2;

/// A plan of services, the second half of which needs the first.
pub fn plan(services: usize, broken: Option<usize>) -> String {
    let half = services / 2;
    let service = |at: usize| {
        let needs = if at < half { String::new() } else { format!("s{}", at - half) };
        let run = if broken == Some(at) { "echo no; exit 3" } else { "true" };
        format!(
            "  s{at}:\n    needs: [{needs}]\n    paths: [s{at}]\n    steps: [{{ run: '{run}' }}]\n"
        )
    };
    let services: String = (0..services).map(service).collect();
    format!("name: many\nreport: [comment]\nservices:\n{services}")
}

/// A pull request of such a plan, and a cloud with its GitHub.
struct Scene {
    program: Program,
    cloud: LocalCloud,
    state: tempfile::TempDir,
}

impl Scene {
    fn new(plan: &str) -> Self {
        let program = Program::with_plan(plan).file(".gitignore", ".shipway\n").committed();
        let head = program.git(&["rev-parse", "HEAD"]);
        let state = state();
        let world = json!({ "github": {
            "repository": "octo/demo",
            "pull-request": {
                "number": 7, "head-sha": head, "head-ref": "topic", "base-ref": "main",
            },
        } });
        let cloud = LocalCloud::start(state.path(), world);
        let own = json!({ "full_name": "octo/demo" });
        let event = json!({
            "action": "opened",
            "number": 7,
            "pull_request": {
                "number": 7, "state": "open", "user": { "login": "ada" },
                "head": { "ref": "topic", "sha": head, "repo": own },
                "base": { "ref": "main", "repo": own },
            },
            "repository": own,
        });
        let program = program.in_actions("pull_request", &event).env("GITHUB_SHA", &head);
        Self { program, cloud, state }
    }

    fn shipway(&self, arguments: &[&str], code: i32) -> String {
        let cloud = self.cloud.path.display().to_string();
        let finished = self.program.run(&[arguments, &["--cloud", &cloud]].concat());
        finished.exits(code).stdout
    }

    /// The jobs of each level: their services.
    fn jobs(&self, arguments: &[&str]) -> Vec<Vec<Vec<String>>> {
        let levels = LEVELS.to_string();
        let line = [&["matrix", "--levels", &levels], arguments].concat();
        let text = self.program.run(&line).exits(0).stdout;
        let matrices: Value = serde_json::from_str(&text).expect("JSON");
        let services = |job: &Value| {
            let text = job["services"].as_str().expect("text");
            text.lines().map(str::to_owned).collect()
        };
        let jobs = |matrix: &Value| {
            matrix["include"].as_array().expect("a list").iter().map(services).collect()
        };
        matrices.as_array().expect("a list").iter().map(jobs).collect()
    }

    /// Runs each job with a state folder of its own, as on a machine of its own, which has
    /// the runs of the levels before. The exit codes.
    fn run_jobs(&self, levels: &[Vec<Vec<String>>]) -> Vec<i32> {
        let artifacts = self.state.path().join("artifacts");
        let mut codes = Vec::new();
        for (level, jobs) in levels.iter().enumerate() {
            for (job, services) in jobs.iter().enumerate() {
                let own = self.state.path().join(format!("machine-{level}-{job}"));
                if level > 0 {
                    copy(&artifacts, &own.join("runs"));
                }
                let own_text = own.display().to_string();
                let cloud = self.cloud.path.display().to_string();
                let mut line = vec!["run", "--no-report", "--state-dir", &own_text];
                line.extend(["--cloud", cloud.as_str()]);
                line.extend(services.iter().flat_map(|service| ["--only", service.as_str()]));
                codes.push(self.program.run(&line).code);
                copy(&own.join("runs"), &artifacts);
            }
        }
        codes
    }

    fn merge(&self, arguments: &[&str], code: i32) -> Value {
        let artifacts = self.state.path().join("artifacts").display().to_string();
        let merged = self.state.path().join("merged").display().to_string();
        let line = ["report", "--merge", &artifacts, "--state-dir", &merged];
        self.shipway(&[&line, arguments].concat(), code);
        result(Path::new(&merged))
    }

    /// The comments on the pull request.
    fn comments(&self) -> Vec<String> {
        let path = self.cloud.path.parent().expect("a folder").join("github.json");
        let text = fs::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
        let activity: Value = serde_json::from_str(&text).expect("JSON");
        let comments = activity["comments"].as_array().cloned().unwrap_or_default();
        comments.iter().map(|one| one["body"].as_str().expect("a body").to_owned()).collect()
    }
}

/// The result of the only run in a state folder, without its times.
pub fn result(state: &Path) -> Value {
    let run = fs::read_dir(state.join("runs")).expect("runs").flatten().next().expect("a run");
    let text = fs::read_to_string(run.path().join("result.json")).expect("a result");
    let mut result: Value = serde_json::from_str(&text).expect("JSON");
    for service in result["services"].as_array_mut().expect("services") {
        service["took"] = Value::Null;
    }
    result
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

#[test]
fn two_hundred_services_on_twenty_machines_end_as_on_one() {
    let scene = Scene::new(&plan(200, None));
    let levels = scene.jobs(&["--jobs", "10"]);
    assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10]);
    assert!(scene.run_jobs(&levels).iter().all(|code| *code == 0));
    assert!(scene.comments().is_empty(), "a job reported by itself");
    let merged = scene.merge(&[], 0);
    let comments = scene.comments();
    assert_eq!(comments.len(), 1);
    assert!(comments[0].contains("many: ✅ succeeded"), "{}", comments[0]);

    let one = scene.state.path().join("one");
    scene.shipway(&["run", "--state-dir", &one.display().to_string()], 0);
    let alone = result(&one);
    for key in ["services", "status", "exit-code", "plan", "environment", "refusals", "notes"] {
        assert_eq!(merged[key], alone[key], "{key}");
    }
    assert_eq!(merged["services"].as_array().map(Vec::len), Some(200));
}

#[test]
fn service_that_no_job_ran_and_one_that_failed_are_in_the_report() {
    let scene = Scene::new(&plan(4, Some(1)));
    let levels = scene.jobs(&[]);
    assert_eq!(levels, [[["s0"], ["s1"]], [["s2"], ["s3"]]]);
    // A workflow starts no job of the second level after a failure in the first.
    assert_eq!(scene.run_jobs(&levels[..1]), [0, 4]);
    let merged = scene.merge(&[], 4);
    let ends: Vec<String> = merged["services"]
        .as_array()
        .expect("services")
        .iter()
        .map(|one| format!("{} {} {}", one["name"], one["status"], one["reason"]).replace('"', ""))
        .collect();
    assert_eq!(
        ends,
        [
            "s0 succeeded null",
            "s1 failed null",
            "s2 skipped no job ran it",
            "s3 skipped no job ran it"
        ]
    );
    let comment = &scene.comments()[0];
    assert!(comment.contains("many: ❌ failed"), "{comment}");
    assert!(comment.contains("no job ran it"), "{comment}");
}

#[test]
fn only_what_has_changed_is_divided_and_missed() {
    let scene = Scene::new(&plan(6, None));
    fs::create_dir(scene.program.path("s1")).expect("a folder");
    let program = &scene.program;
    fs::write(program.path("s1/main.c"), "int main;").expect("written");
    program.git(&["add", "--all"]);
    program.git(&["commit", "--quiet", "--message=two"]);
    let levels = scene.jobs(&["--since", "HEAD~1"]);
    assert_eq!(levels, [[["s1"]], [["s4"]]]);
    assert!(scene.jobs(&["--since", "HEAD"]).iter().all(Vec::is_empty));

    let unknown = program.run(&["matrix", "--since", "nowhere"]).exits(3);
    unknown.says_in_order(&[
        "error: cannot tell what has changed since `nowhere`\n  because: git failed: ",
        "  help: give actions/checkout `fetch-depth: 0`, so that the base and its history are there\n",
    ]);
    for (base, help) in [
        ("nowhere", "  help: `git fetch --all --tags` brings what is not here yet\n"),
        ("origin/main", "  help: `git fetch origin main` brings it, if it is there\n"),
    ] {
        let mut command = program.command(&["matrix", "--since", base]);
        let output = command
            .env("GITHUB_ACTIONS", "")
            .env("GITHUB_EVENT_NAME", "")
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.ends_with(help), "{said}");
    }
}

#[test]
fn matrix_is_an_output_of_the_step() {
    let program = Program::with_plan(&plan(2, None)).file("output", "");
    let program = program.env("GITHUB_OUTPUT", "output").env("INPUT_COMMAND", "matrix");
    let program = program.env("INPUT_LEVELS", "2");
    program.run(&["action"]).exits(0);
    let written = fs::read_to_string(program.path("output")).expect("outputs");
    let first = r#"{"include":[{"job":1,"name":"s0","services":"s0"}]}"#;
    let second = r#"{"include":[{"job":1,"name":"s1","services":"s1"}]}"#;
    assert!(written.contains(&format!("\n[{first},{second}]\n")), "{written}");
    assert!(written.contains("\ntrue\n"), "{written}");
}
