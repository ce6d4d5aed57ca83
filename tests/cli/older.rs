//! An older commit does not replace a newer one.

use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};
use serde_json::json;
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
    cloud: CloudProcess,
    older: String,
    newer: String,
}

impl Repository {
    fn deployed() -> Self {
        let cloud = CloudProcess::start(json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "anonymous-pull": true,
            }],
        }));
        let program = Program::with_plan(PLAN).busybox();
        let mut repository = Self { program, cloud, older: String::new(), newer: String::new() };
        repository.git(&["init", "--quiet"], "");
        let remote = "https://github.com/octo/storefront.git";
        repository.git(&["remote", "add", "origin", remote], "");
        repository.older = repository.commit("2026-11-20T10:00:00Z");
        let plan = PLAN.replace("'600'", "'601'");
        fs::write(repository.program.path("shipway.yml"), plan).expect("a plan");
        repository.newer = repository.commit("2026-11-20T11:00:00Z");
        repository.shipway(&["run"]).exits(0);
        repository.git(&["checkout", "--quiet", &repository.older], "");
        repository
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
        let cloud = self.cloud.path.display().to_string();
        self.program.run(&[arguments, &["--cloud", &cloud]].concat())
    }

    /// How many requests have changed the container group.
    fn puts(&self) -> usize {
        let is_put = |path: &str| path.contains("/containerGroups/");
        let all = self.cloud.requests();
        all.iter().filter(|request| request.method == "PUT" && is_put(&request.path)).count()
    }
}

#[test]
fn older_commit_is_refused_unless_it_is_allowed() {
    let repository = Repository::deployed();
    let Repository { older, newer, .. } = &repository;

    let finished = repository.shipway(&["run"]).exits(4);

    finished.says_in_order(&[
        &format!(
            "    container group `storefront` runs commit {} of 2026-11-20T11:00:00Z, \
             which is newer than {} of 2026-11-20T10:00:00Z\n",
            &newer[..7],
            &older[..7]
        ),
        "    help: deploy the newest commit, or say with `--allow-older` that it is to go back\n",
    ]);
    assert_eq!(repository.puts(), 1, "that of the newer commit");
    let plan = repository.shipway(&["plan"]).exits(0);
    let refused = "refused: a newer commit is deployed, and `--allow-older` is not given\n";
    assert!(plan.stdout.contains(refused), "{}", plan.stdout);

    repository.shipway(&["run", "--allow-older"]).exits(0);
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
