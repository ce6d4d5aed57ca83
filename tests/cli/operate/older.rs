//! An older commit does not replace a newer one.

use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const PLAN: &str = "\
name: storefront
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
      entrypoint: [/bin/busybox, sleep, '600']
  - tag: demo.azurecr.io/web:v1
  - push:
  - deploy: { aci: { cpu: 0.5, memory: 0.5GB } }
";

/// A repository of two commits, and a cloud that the second is deployed to.
struct Repository {
    program: Program,
    cloud: Option<CloudProcess>,
    older: String,
    newer: String,
}

/// The end of pull request 7 at GitHub that is its head.
#[derive(Clone, Copy)]
enum Head {
    Older,
    Newer,
}

impl Repository {
    fn deployed() -> Self {
        let repository = Self::committed(Head::Newer);
        repository.shipway(&["run"]).exits(0);
        repository.git(&["checkout", "--quiet", &repository.older], "");
        repository
    }

    /// The newer commit is checked out.
    fn committed(head: Head) -> Self {
        Self::with_plan(head, PLAN)
    }

    fn with_plan(head: Head, plan: &str) -> Self {
        let program = Program::with_plan(plan).applets();
        let mut repository =
            Self { program, cloud: None, older: String::new(), newer: String::new() };
        repository.git(&["init", "--quiet"], "");
        let remote = "https://github.com/octo/storefront.git";
        repository.git(&["remote", "add", "origin", remote], "");
        repository.older = repository.commit("2026-11-20T10:00:00Z");
        let plan = plan.replace("'600'", "'601'");
        fs::write(repository.program.path("shipway.yml"), plan).expect("a plan");
        repository.newer = repository.commit("2026-11-20T11:00:00Z");
        let head = match head {
            Head::Older => &repository.older,
            Head::Newer => &repository.newer,
        };
        repository.cloud = Some(CloudProcess::start(json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "anonymous-pull": true,
            }],
            "github": {
                "repository": "octo/storefront",
                "pull-request": {
                    "number": 7, "head-sha": head, "head-ref": "topic", "base-ref": "main",
                },
            },
        })));
        repository
    }

    fn cloud(&self) -> &CloudProcess {
        self.cloud.as_ref().expect("started")
    }

    /// Runs it for a push of this commit to the pull request, over `before`.
    fn pushed(&self, commit: &str, before: &str) -> Finished {
        self.on_push(commit, before, &["run"])
    }

    /// The same with another command.
    fn on_push(&self, commit: &str, before: &str, command: &[&str]) -> Finished {
        self.git(&["checkout", "--quiet", commit], "");
        let repository = json!({ "full_name": "octo/storefront" });
        let event = json!({
            "action": "synchronize", "number": 7, "before": before, "after": commit,
            "pull_request": {
                "number": 7, "state": "open", "user": { "login": "ada" },
                "head": { "ref": "topic", "sha": commit, "repo": repository },
                "base": { "ref": "main", "sha": self.older, "repo": repository },
            },
            "repository": { "full_name": "octo/storefront", "default_branch": "main" },
        });
        fs::write(self.program.path(".git/event.json"), event.to_string()).expect("a payload");
        self.shipway(&[command, &["--event", ".git/event.json"]].concat())
    }

    /// The beginning of the comment on the pull request.
    fn comment(&self) -> Vec<String> {
        let text = fs::read_to_string(self.cloud().state().join("github.json")).expect("a record");
        let github: Value = serde_json::from_str(&text).expect("JSON");
        let comments = github["comments"].as_array().expect("a list");
        assert_eq!(comments.len(), 1, "{github:#}");
        let body = comments[0]["body"].as_str().expect("text");
        body.lines().take(3).map(str::to_owned).collect()
    }

    /// The beginning of a comment about a commit.
    fn about(commit: &str, time: &str, heading: &str) -> Vec<String> {
        vec![
            "<!-- shipway key=storefront// -->".to_owned(),
            format!("<!-- shipway commit={commit} time={time} -->"),
            format!("### storefront: {heading}"),
        ]
    }

    fn git(&self, arguments: &[&str], date: &str) -> String {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        command.args(identity).args(arguments).current_dir(self.program.folder());
        if !date.is_empty() {
            command.env("GIT_COMMITTER_DATE", date);
        }
        let output = command.output().expect("git is installed");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn commit(&self, date: &str) -> String {
        self.git(&["add", "."], "");
        self.git(&["commit", "--quiet", "--message", "change"], date);
        self.git(&["rev-parse", "HEAD"], "")
    }

    fn shipway(&self, arguments: &[&str]) -> Finished {
        let cloud = self.cloud().path.display().to_string();
        self.program.run(&[arguments, &["--cloud", &cloud]].concat())
    }

    /// How many requests have changed the container group.
    fn puts(&self) -> usize {
        let is_put = |path: &str| path.contains("/containerGroups/");
        let all = self.cloud().requests();
        all.iter().filter(|request| request.method == "PUT" && is_put(&request.path)).count()
    }
}

#[test]
fn older_commit_is_refused_unless_it_is_allowed() {
    let repository = Repository::deployed();
    let Repository { older, newer, .. } = &repository;

    let finished = repository.shipway(&["run"]).exits(3);

    finished.says_in_order(&[
        &format!(
            "error: container group `storefront` runs commit {} of 2026-11-20T11:00:00Z, \
             which is newer than {} of 2026-11-20T10:00:00Z\n",
            &newer[..7],
            &older[..7]
        ),
        "  help: deploy the newest commit, or say with `--allow-older` that it is to go back\n",
    ]);
    assert_eq!(repository.puts(), 1, "that of the newer commit");
    let plan = repository.shipway(&["plan"]).exits(0);
    let refused = "refused: a newer commit is deployed, and `--allow-older` is not given\n";
    assert!(plan.stdout.contains(refused), "{}", plan.stdout);

    repository.shipway(&["run", "--allow-older"]).exits(0);
    assert_eq!(repository.puts(), 2);
}

/// As after a commit of a machine whose clock is ahead.
#[test]
fn commit_that_was_made_from_the_deployed_one_replaces_it_whatever_its_date() {
    let repository = Repository::deployed();
    repository.git(&["checkout", "--quiet", &repository.newer], "");
    let plan = fs::read_to_string(repository.program.path("shipway.yml")).expect("a plan");
    fs::write(repository.program.path("shipway.yml"), plan.replace("'601'", "'602'"))
        .expect("a plan");
    repository.commit("2026-11-20T09:00:00Z");

    repository.shipway(&["run"]).exits(0);

    assert_eq!(repository.puts(), 2);
}

#[test]
fn push_that_goes_back_is_deployed() {
    let repository = Repository::deployed();
    let Repository { older, newer, program, .. } = &repository;
    let event = json!({
        "ref": "refs/heads/main", "before": newer, "after": older, "forced": true, "commits": [],
        "repository": { "full_name": "octo/storefront", "default_branch": "main" },
    });
    fs::write(program.path(".git/event.json"), event.to_string()).expect("a payload");

    repository.shipway(&["run", "--event", ".git/event.json"]).exits(0);

    assert_eq!(repository.puts(), 2);
}

#[test]
fn run_of_an_older_commit_leaves_the_comment_of_a_newer_one() {
    let repository = Repository::committed(Head::Newer);
    let Repository { older, newer, .. } = &repository;
    repository.pushed(newer, older).exits(0);
    let deployed = Repository::about(newer, "2026-11-20T11:00:00Z", "✅ succeeded");
    assert_eq!(repository.comment(), deployed);

    let finished = repository.pushed(older, "").exits(3);

    assert_eq!(repository.comment(), deployed);
    finished.says_in_order(&[&format!(
        "the comment was not made: the one about commit {} of 2026-11-20T11:00:00Z, \
         which is newer than {} of 2026-11-20T10:00:00Z, stays as it is\n",
        &newer[..7],
        &older[..7]
    )]);
}

#[test]
fn pull_request_that_goes_back_replaces_the_comment_of_the_newer_commit() {
    let repository = Repository::committed(Head::Older);
    let Repository { older, newer, .. } = &repository;
    repository.pushed(newer, older).exits(0);
    repository.pushed(older, newer).exits(0);
    let back = Repository::about(older, "2026-11-20T10:00:00Z", "✅ succeeded");
    assert_eq!(repository.comment(), back);
}

#[test]
fn plan_of_an_older_commit_replaces_that_of_a_newer_one_only_if_it_is_allowed() {
    let plan = format!("{PLAN}report: [plan]\n");
    let repository = Repository::with_plan(Head::Newer, &plan);
    let Repository { older, newer, .. } = &repository;
    let commented = || repository.comment()[1].clone();
    let about = |commit: &str, time: &str| format!("<!-- shipway commit={commit} time={time} -->");
    repository.on_push(newer, older, &["plan"]).exits(0);
    assert_eq!(commented(), about(newer, "2026-11-20T11:00:00Z"));

    let kept = repository.on_push(older, "", &["plan"]).exits(0);
    assert_eq!(commented(), about(newer, "2026-11-20T11:00:00Z"));
    kept.says_in_order(&[
        "warning: the comment about the plan was not made: the one about commit ",
    ]);

    repository.on_push(older, "", &["plan", "--allow-older"]).exits(0);
    assert_eq!(commented(), about(older, "2026-11-20T10:00:00Z"));
}
