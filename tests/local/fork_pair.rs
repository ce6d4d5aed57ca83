//! `workflows/fork-previews`: one job builds the code of a fork without secrets, another
//! deploys what it has built by the plan of the base branch, and runs nothing of the fork.

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use serde_json::{Value, json};
use std::fs;

struct Pair {
    program: Program,
    cloud: CloudProcess,
    base: String,
    head: String,
}

impl Pair {
    /// A pull request of a fork, whose plan writes a file when a step of it is run.
    fn new() -> Self {
        let program = Program::with_workflow("fork-previews");
        let ignored = fs::read_to_string(program.path(".gitignore")).expect("there");
        let program =
            program.file(".gitignore", &format!("{ignored}.shipway\nphase-*\nran\n")).committed();
        let base = program.git(&["rev-parse", "HEAD"]);
        let plan = fs::read_to_string(program.path("shipway.yml")).expect("there");
        assert!(plan.contains("run: mkdir -p dist &&"));
        let changed =
            plan.replace("run: mkdir -p dist &&", "run: echo yes > ran && mkdir -p dist &&");
        fs::write(program.path("shipway.yml"), changed).expect("written");
        program.git(&["commit", "--quiet", "--all", "--message=of the fork"]);
        let head = program.git(&["rev-parse", "HEAD"]);
        let cloud = CloudProcess::start(json!({
            "resource-groups": [{ "name": "fork-previews", "location": "westeurope" }],
            "registries": [{
                "host": "shipwayforks.azurecr.io", "name": "shipwayforks",
                "resource-group": "fork-previews", "admin-user": true,
            }],
            "github": {
                "repository": "octo/demo",
                "pull-request": {
                    "number": 7, "head-sha": head, "head-ref": "topic",
                    "head-repository": "eve/demo", "base-ref": "main",
                },
            },
        }));
        Self { program, cloud, base, head }
    }

    /// Starts a step of a workflow in a job of its own.
    fn job(self, event: &str, payload: &Value, arguments: &[&str]) -> (Self, String) {
        let Self { program, cloud, base, head } = self;
        let program = program.in_actions(event, payload).env("GITHUB_SHA", &base);
        let finished = program.run(arguments).exits(0);
        (Self { program, cloud, base, head }, finished.stderr)
    }

    fn pull_request(&self, action: &str) -> Value {
        let of = |name: &str| json!({ "full_name": name });
        json!({
            "action": action, "number": 7, "repository": of("octo/demo"),
            "pull_request": {
                "number": 7, "user": { "login": "eve" },
                "state": if action == "closed" { "closed" } else { "open" },
                "head": { "ref": "topic", "sha": self.head, "repo": of("eve/demo") },
                "base": { "ref": "main", "sha": self.base, "repo": of("octo/demo") },
            },
        })
    }

    fn comment(&self) -> String {
        let comments = self.cloud.comments();
        let [comment] = comments.as_slice() else { panic!("{comments:#?}") };
        comment.clone()
    }
}

#[test]
fn image_of_a_fork_is_built_without_secrets_and_deployed_by_the_plan_of_the_base_branch() {
    let pair = Pair::new();
    let event = pair.pull_request("opened");
    let build = ["run", "--save-images", "image", "--no-report", "--state-dir", "phase-1"];
    let (pair, _) = pair.job("pull_request", &event, &build);
    let layout = pair.program.path("image/fork-previews");
    let index = fs::read_to_string(layout.join("index.json")).expect("a layout");
    let index: Value = serde_json::from_str(&index).expect("JSON");
    let digest = index["manifests"][0]["digest"].as_str().expect("a digest").to_owned();

    // The second job has the artifact and another checkout.
    for made in ["ran", "dist"] {
        let path = pair.program.path(made);
        assert!(path.exists(), "{made}");
        drop((fs::remove_file(&path), fs::remove_dir_all(&path)));
    }
    let event = json!({
        "action": "completed", "repository": { "full_name": "octo/demo", "default_branch": "main" },
        "workflow_run": {
            "event": "pull_request", "head_branch": "topic", "head_sha": pair.head,
            "pull_requests": [], "conclusion": "success",
            "head_repository": { "full_name": "eve/demo", "owner": { "login": "eve" } },
            "repository": { "full_name": "octo/demo" },
        },
    });
    let (cloud, head) = (pair.cloud.path.display().to_string(), pair.head.clone());
    let built = format!("built={}", layout.display());
    let deploy = [
        "preview",
        "--cloud",
        &cloud,
        "--allow-fork-deploy",
        &head,
        "--set",
        &built,
        "--state-dir",
        "phase-2",
    ];
    let (pair, said) = pair.job("workflow_run", &event, &deploy);
    assert!(
        said.contains(&format!("the plan is that of commit {} of `main`", &pair.base[..7])),
        "{said}"
    );
    for made in ["ran", "dist"] {
        assert!(!pair.program.path(made).exists(), "{made} was made by a step of the plan");
    }
    let comment = pair.comment();
    assert!(comment.contains("fork-previews: ✅ succeeded"), "{comment}");
    assert!(
        comment.contains(&format!("shipwayforks.azurecr.io/fork-preview@{digest}")),
        "{comment}"
    );
    assert!(comment.contains(".westeurope.azurecontainer.io"), "{comment}");
    assert!(comment.contains(" · expires "), "{comment}");

    // The base branch is checked out where the pull request was closed.
    pair.program.git(&["checkout", "--quiet", &pair.base]);
    let event = pair.pull_request("closed");
    let remove = ["preview", "--cloud", &cloud, "--state-dir", "phase-3"];
    let (pair, _) = pair.job("pull_request_target", &event, &remove);
    let comment = pair.comment();
    assert!(comment.contains("Pull request 7 was closed."), "{comment}");
}

#[test]
fn damaged_image_of_a_fork_is_refused() {
    let pair = Pair::new();
    let event = pair.pull_request("opened");
    let build = ["run", "--save-images", "image", "--no-report", "--state-dir", "phase-1"];
    let (pair, _) = pair.job("pull_request", &event, &build);
    let layout = pair.program.path("image/fork-previews");
    let blobs = fs::read_dir(layout.join("blobs/sha256")).expect("blobs").flatten();
    let largest = blobs.max_by_key(|entry| entry.metadata().expect("a file").len()).expect("one");
    let mut bytes = fs::read(largest.path()).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(largest.path(), bytes).expect("written");
    let program = pair
        .program
        .file("plan.yml", "name: x\nsteps: [{ build: { image: 'oci:image/fork-previews' } }]\n");
    let finished = program
        .env("GITHUB_ACTIONS", "")
        .env("GITHUB_EVENT_NAME", "")
        .run(&["run", "plan.yml"])
        .exits(4);
    let said = finished.stderr + &finished.stdout;
    for part in
        ["cannot import `oci:", "expected `sha256:", "it is damaged or comes from another source"]
    {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}
