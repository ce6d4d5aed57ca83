//! A repository with both workflows, a pull request of a fork, and the services that the jobs
//! reach: GitHub, its tokens and artifacts, and Azure.

use crate::act::{Act, EndedAct, copy_action, repository, stand_ins};
use crate::peer::programs;
use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use crate::support::job_tokens::TokenEndpoint;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FOLDER: &str = "workflows/fork-previews";
/// The two workflows, and where their first lines say that they are copied to.
const WORKFLOWS: [[&str; 2]; 2] = [
    ["build-workflow.yml", ".github/workflows/fork-build.yml"],
    ["deploy-workflow.yml", ".github/workflows/fork-deploy.yml"],
];
pub const RUNNER_TOKEN: &str = "runner-token-hunter22";
pub const REPOSITORY_SECRET: &str = "azure-hunter22";

/// A file that the fork's source includes.
const COMPILED: &str = "compiled.txt";

pub struct Scene {
    act: Act,
    pub cloud: CloudProcess,
    pub tokens: TokenEndpoint,
    /// What GitHub has of the repository and of its workflows, and what the fork's code leaves.
    folder: TempDir,
    /// The commit of the base branch.
    pub base: String,
    /// The commits of the pull request.
    pub commits: Vec<String>,
}

impl Scene {
    /// A pull request with this many commits, the newest of which is its head.
    pub fn new(commits: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["marks", "artifacts"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let act = Act::new(with_workflows(Program::new()));
        let base = act.program.git(&["rev-parse", "HEAD"]);
        let commits = fork(&act.program, folder.path(), commits);
        let cloud = CloudProcess::start(json!({
            "resource-groups": [{ "name": "fork-previews", "location": "westeurope" }],
            "registries": [{
                "host": "shipwayforks.azurecr.io", "name": "shipwayforks",
                "resource-group": "fork-previews", "admin-user": true,
            }],
            "github": {
                "repository": "octo/demo",
                "pull-request": {
                    "number": 7, "head-sha": commits.last().expect("a commit"),
                    "head-ref": "topic", "head-repository": "eve/demo", "base-ref": "main",
                },
            },
        }));
        let tokens = TokenEndpoint::start(None);
        let options = options(&cloud, &tokens, folder.path());
        Self { act: act.with_options(options), cloud, tokens, folder, base, commits }
    }

    /// A path beside the repository.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The artifact of a run.
    pub fn artifact(&self, run: u64) -> PathBuf {
        self.path("artifacts").join(run.to_string()).join("image")
    }

    /// Runs the workflows of an event, as the run with this number.
    pub fn run(&self, event: &str, payload: &Value, run: u64) -> EndedAct {
        let run = run.to_string();
        self.act.end(event, Some(payload), &[("GITHUB_RUN_ID", &run)])
    }

    /// The first phase, which must succeed.
    #[track_caller]
    pub fn build(&self, run: u64, commit: &str) {
        let EndedAct { succeeded, said } =
            self.run("pull_request", &self.pull_request("opened", commit), run);
        assert!(succeeded, "{said}");
    }

    /// The second phase, after the first has succeeded as the run with this number. The fork's
    /// source cannot be compiled any more.
    pub fn deploy(&self, run: u64, commit: &str) -> EndedAct {
        fs::remove_file(self.path(COMPILED)).ok();
        self.run("workflow_run", &workflow_run(run, commit), run + 1)
    }

    /// The payload of an event about the pull request.
    pub fn pull_request(&self, action: &str, head: &str) -> Value {
        json!({
            "action": action, "number": 7, "repository": upstream(),
            "pull_request": {
                "number": 7, "user": { "login": "eve" }, "draft": false, "merge_commit_sha": null,
                "state": if action == "closed" { "closed" } else { "open" },
                "head": { "ref": "topic", "sha": head, "repo": of_eve() },
                "base": { "ref": "main", "sha": self.base, "repo": upstream() },
            },
        })
    }
}

/// The payload of the end of the first phase. GitHub names no pull request of a fork there.
pub fn workflow_run(run: u64, head: &str) -> Value {
    json!({
        "action": "completed", "repository": upstream(),
        "workflow_run": {
            "id": run, "name": "build of a fork", "event": "pull_request",
            "conclusion": "success", "head_branch": "topic", "head_sha": head,
            "head_commit": { "id": head }, "head_repository": of_eve(),
            "repository": upstream(), "pull_requests": [],
        },
    })
}

/// A file of the folder, as it is in this repository.
pub fn workflow(name: &str) -> String {
    fs::read_to_string(repository().join(FOLDER).join(name)).expect("a file")
}

fn upstream() -> Value {
    json!({
        "id": 811_001, "full_name": "octo/demo", "default_branch": "main",
        "owner": { "login": "octo" },
    })
}

fn of_eve() -> Value {
    json!({ "id": 811_002, "full_name": "eve/demo", "owner": { "login": "eve" } })
}

/// What GitHub knows and act does not: the environment is no deployment of its own.
const NOT_OF_ACT: &str = "{ name: fork-previews, deployment: false }";

/// With the plan and its source, and both workflows where they are copied to.
fn with_workflows(mut program: Program) -> Program {
    for name in ["shipway.yml", "server.rs", ".gitignore"] {
        // A test waits for what never holds.
        let text = workflow(name).replace("    within: 2m\n", "    within: 5s\n");
        program = program.file(&format!("{FOLDER}/{name}"), &text);
    }
    for [name, to] in WORKFLOWS {
        let text = workflow(name);
        assert!(text.starts_with(&format!("# Copy to {to}: ")), "{text}");
        let known = text.replace(NOT_OF_ACT, "{ name: fork-previews }");
        assert_eq!(known == text, name == "build-workflow.yml", "{text}");
        program = program.file(to, &known);
    }
    program
}

/// Makes GitHub's copy of the repository, and a pull request whose commits change the plan
/// and its source. The hashes of the commits.
fn fork(program: &Program, folder: &Path, commits: usize) -> Vec<String> {
    let in_folder = |arguments: &[&str]| programs::run_in(folder, "git", arguments);
    let origin = program.folder().display().to_string();
    in_folder(&["clone", "--quiet", "--bare", &origin, "demo.git"]);
    in_folder(&["clone", "--quiet", "demo.git", "fork"]);
    let fork = folder.join("fork");
    let marks = folder.join("marks").display().to_string();
    change(&fork.join(FOLDER).join("shipway.yml"), |plan| {
        let steps = "steps:\n";
        let mark = format!(
            "  - run: env > {marks}/$GITHUB_EVENT_NAME; cat ../../.git/config > {marks}/git-config\n"
        );
        assert!(plan.contains(steps) && plan.contains("fork-preview\n"));
        plan.replace(steps, &(steps.to_owned() + &mark)).replace("/fork-preview\n", "/of-eve\n")
    });
    change(&fork.join(FOLDER).join("server.rs"), |source| {
        let main = "fn main() {\n";
        assert!(source.contains(main));
        let mark = format!("    std::fs::write(\"{marks}/server\", \"\").ok();\n");
        let compiled = folder.join(COMPILED);
        fs::write(&compiled, "").expect("written");
        let include = format!("const _: &str = include_str!(\"{}\");\n", compiled.display());
        source.replace(main, &(include + main + &mark))
    });
    let eve = ["-c", "user.name=eve", "-c", "user.email=eve@example.com"];
    let in_fork = |arguments: &[&str]| programs::run_in(&fork, "git", arguments);
    let commit = |number: usize| {
        let message = format!("--message=commit {number}");
        in_fork(&[&eve[..], &["commit", "--quiet", "--all", "--allow-empty", &message]].concat());
        in_fork(&["rev-parse", "HEAD"]).trim().to_owned()
    };
    let commits = (1..=commits).map(commit).collect();
    in_fork(&["push", "--quiet", "origin", "HEAD:refs/pull/7/head"]);
    let git = format!(
        "[url \"{}/demo.git\"]\n    insteadOf = https://github.com/octo/demo\n",
        folder.display()
    );
    fs::write(folder.join("gitconfig"), git).expect("written");
    commits
}

fn change(path: &Path, with: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).expect("a file");
    fs::write(path, with(text)).expect("written");
}

/// What GitHub gives the jobs, and where they find the services: the actions that the workflows
/// name, the repository's variables and secrets, and a proxy.
fn options(cloud: &CloudProcess, tokens: &TokenEndpoint, folder: &Path) -> Vec<String> {
    let mut options = vec!["--no-skip-checkout".to_owned()];
    for [name, _] in WORKFLOWS {
        options.extend(stand_ins(&workflow(name)));
    }
    let mut add = |option: &str, value: String| options.extend([option.to_owned(), value]);
    let action = folder.join("shipway");
    copy_action(&action);
    add("--local-repository", format!("OWNER/shipway@COMMIT={}", action.display()));
    add("--secret", format!("AZURE_CLIENT_SECRET={REPOSITORY_SECRET}"));
    for (name, value) in cloud.file.variables() {
        match name {
            "GITHUB_TOKEN" => add("--secret", format!("{name}={value}")),
            "AZURE_CLIENT_SECRET" => {}
            _ if name.starts_with("AZURE_") => add("--var", format!("{name}={value}")),
            _ => add("--env", format!("{name}={value}")),
        }
    }
    let artifacts = folder.join("artifacts").display().to_string();
    let git = folder.join("gitconfig").display().to_string();
    for (name, value) in [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", tokens.url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", RUNNER_TOKEN),
        ("ARTIFACTS", &artifacts),
        ("GIT_CONFIG_GLOBAL", &git),
    ] {
        add("--env", format!("{name}={value}"));
    }
    options
}
