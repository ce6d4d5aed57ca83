//! What a run in a workflow reports at GitHub and in its files, however it ends.

mod commit_status;
mod deployments;
mod environments;
mod not_posted;
mod plan_comment;
mod refused;
mod resumed;
mod rolled_back;

use crate::support::{Finished, Program, eventually};
use serde_json::{Value, json};
use shipway::testing::local::RequestLog;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

const HEAD: &str = "4387e9f3d6e14c459867679a90fd0f7912345678";

const PLAN: &str = "\
name: shop
secrets: { token: { env: THE_TOKEN } }
report: [comment, status, summary]
steps:
  - run: 'true'
    env: { TOKEN: '${{ secrets.token }}' }
";

/// A step of a workflow for pull request 7, whose GitHub is a local one.
pub struct Workflow {
    cloud: Cloud,
    program: Program,
}

/// A local cloud in a process of its own, which can run containers.
struct Cloud {
    process: Child,
    folder: PathBuf,
}

impl Cloud {
    fn start(program: &Program, world: &Value) -> Self {
        let folder = program.path("cloud");
        fs::create_dir(&folder).expect("a folder can be made");
        fs::write(folder.join("world.json"), world.to_string()).expect("a file can be written");
        let arguments = [
            "local",
            "--state",
            "cloud",
            "--world",
            "cloud/world.json",
            "--cloud",
            "cloud/cloud.json",
            "--until-stdin-ends",
        ];
        let mut command = program.command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("the program starts");
        eventually("the cloud is up", || folder.join("cloud.json").exists().then_some(()));
        Self { process, folder }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().expect("the cloud ends");
    }
}

impl Workflow {
    pub fn new(plan: &str) -> Self {
        Self::with_faults(plan, &json!([]))
    }

    /// With a registry from which anyone may pull.
    pub fn with_anonymous_pulls(plan: &str) -> Self {
        Self::in_world(plan, &json!([]), true)
    }

    fn with_faults(plan: &str, faults: &Value) -> Self {
        Self::in_world(plan, faults, false)
    }

    fn in_world(plan: &str, faults: &Value, anonymous_pull: bool) -> Self {
        let pull = json!({
            "number": 7, "head-sha": HEAD, "head-ref": "topic", "base-ref": "main",
        });
        let world = json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "admin-user": true, "anonymous-pull": anonymous_pull,
            }],
            "github": {"repository": "octo/demo", "token": "ghs_local", "pull-request": pull},
            "faults": faults,
            "runtime": "built-in",
        });
        let program = Program::with_plan(plan).applets();
        let cloud = Cloud::start(&program, &world);
        Self { program: in_workflow(program), cloud }
    }

    pub fn plan(&self, text: &str) -> &Self {
        fs::write(self.program.path("shipway.yml"), text).expect("a file can be written");
        self
    }

    pub fn run(&self, arguments: &[&str]) -> Finished {
        for name in ["output", "summary"] {
            fs::write(self.program.path(name), "").expect("a file can be written");
        }
        self.program.run(&[&["run", "--cloud", "cloud/cloud.json"], arguments].concat())
    }

    /// What GitHub holds.
    pub fn github(&self) -> Value {
        let text = fs::read_to_string(self.cloud.folder.join("github.json")).expect("a record");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The requests to GitHub since the last time, `METHOD path`.
    pub fn asked(&self, known: &mut usize) -> Vec<String> {
        let log = RequestLog::read(&self.cloud.folder.join("requests.jsonl")).expect("a log");
        let to_github = log.iter().filter(|request| request.host.starts_with("api.github.com"));
        let all: Vec<String> =
            to_github.map(|request| format!("{} {}", request.method, request.path)).collect();
        let new = all[*known..].to_vec();
        *known = all.len();
        new
    }

    /// The only comment, without its last line, which names the run.
    fn comment(&self) -> String {
        let github = self.github();
        let comments = github["comments"].as_array().expect("a list");
        assert_eq!(comments.len(), 1, "{github:#}");
        let body = comments[0]["body"].as_str().expect("text");
        body.split("\n<sub>").next().expect("a part").to_owned()
    }

    /// The newest status of the commit.
    fn status(&self) -> String {
        let github = self.github();
        let status = github["statuses"].as_array().and_then(|all| all.last()).expect("a status");
        let text = |name: &str| status[name].as_str().expect("text").to_owned();
        format!("{} {}: {}", text("context"), text("state"), text("description"))
    }

    /// Each deployment: its environment and its states.
    fn deployments(&self) -> Vec<String> {
        let github = self.github();
        let states = |one: &Value| -> Vec<String> {
            let all = one["statuses"].as_array().expect("a list").iter();
            all.map(|status| status["state"].as_str().expect("text").to_owned()).collect()
        };
        let shown = |one: &Value| {
            let environment = one["environment"].as_str().expect("text");
            format!("{environment}: {}", states(one).join(", "))
        };
        github["deployments"].as_array().expect("a list").iter().map(shown).collect()
    }

    /// An output of the step.
    fn output(&self, name: &str) -> String {
        let text = fs::read_to_string(self.program.path("output")).expect("outputs");
        let mut lines = text.lines();
        lines.find(|line| line.starts_with(&format!("{name}<<"))).expect("the output");
        lines.next().expect("its value").to_owned()
    }
}

fn in_workflow(program: Program) -> Program {
    let repository = json!({"full_name": "octo/demo"});
    let event = json!({
        "action": "opened", "number": 7,
        "pull_request": {
            "number": 7, "user": {"login": "ada"},
            "head": {"ref": "topic", "sha": HEAD, "repo": repository},
            "base": {"ref": "main", "sha": HEAD, "repo": repository},
        },
        "repository": repository,
    });
    program
        // What git's own files say is checked out, where git does not answer.
        .file(".git/HEAD", HEAD)
        .file("event.json", &event.to_string())
        .file("output", "")
        .file("summary", "")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "octo/demo")
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", "event.json")
        .env("GITHUB_OUTPUT", "output")
        .env("GITHUB_STEP_SUMMARY", "summary")
}

/// The warnings and errors that GitHub shows.
fn annotations(finished: &Finished) -> Vec<&str> {
    let is_one = |line: &&str| line.starts_with("::error") || line.starts_with("::warning");
    finished.stderr.lines().filter(is_one).collect()
}

/// A plan that deploys a container with this command of busybox.
pub fn deploying(name: &str, command: &str) -> String {
    format!(
        "\
name: {name}
azure: {{ resource-group: demo, location: westeurope }}
report: [deployment]
steps:
  - build:
      layers: [{{ from: busybox, to: /busybox }}]
      entrypoint: [/busybox, {command}]
  - tag: demo.azurecr.io/{name}:v1
  - push:
  - deploy: {{ aci: {{ restart-policy: Never }} }}
    retry: {{ attempts: 1 }}
"
    )
}
