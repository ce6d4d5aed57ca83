//! Which pull request a run is about, and whether its code is checked out: events
//! of workflows, with the GitHub of a local cloud.

use super::preflight::transient_faults;
use crate::support::cloud::{LocalCloud, state};
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use std::thread;
use tempfile::TempDir;

const PLAN: &str = "name: shop
report: [comment]
steps:
  - build: { layers: [{ from: hello, to: /hello }] }
  - tag: { image: demo.azurecr.io/shop, tags: ['${{ pr.tag }}'] }
  - push: { provenance: true }
";

/// A repository with the branches `main` and `topic`, the head of pull request 7.
struct Scene {
    program: Program,
    cloud: LocalCloud,
    main: String,
    head: String,
    _state: TempDir,
}

impl Scene {
    /// The pull request comes from this repository, and is open.
    fn new() -> Self {
        Self::with(&json!({}))
    }

    fn with(pull_request: &Value) -> Self {
        Self::with_faults(pull_request, &[])
    }

    fn with_faults(pull_request: &Value, faults: &[Value]) -> Self {
        let program =
            Program::with_plan(PLAN).file("hello", "hello\n").file(".gitignore", ".shipway\n");
        let program = program.committed();
        let main = program.git(&["rev-parse", "HEAD"]);
        program.git(&["checkout", "--quiet", "-b", "topic"]);
        program.git(&["commit", "--quiet", "--allow-empty", "--message=two"]);
        let head = program.git(&["rev-parse", "HEAD"]);
        let mut pull = json!({
            "number": 7, "head-sha": head, "head-ref": "topic", "base-ref": "main",
        });
        for (name, value) in pull_request.as_object().expect("an object") {
            pull[name] = value.clone();
        }
        let state = state();
        let world = json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{ "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo" }],
            "github": { "repository": "octo/demo", "pull-request": pull },
            "faults": faults,
        });
        let cloud = LocalCloud::start(state.path(), world);
        Self { program, cloud, main, head, _state: state }
    }

    /// Starts the program in a workflow for an event of the branch `main`.
    fn on(mut self, event: &str, payload: &Value) -> Self {
        self.program = self.program.in_actions(event, payload).env("GITHUB_SHA", &self.main);
        self
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        let mut finished = self.program.run(&[&["run", "--cloud", &cloud], arguments].concat());
        // What the runner is told of secrets is another matter.
        let kept = finished.stderr.lines().filter(|line| !line.starts_with("::add-mask::"));
        finished.stderr = kept.flat_map(|line| [line, "\n"]).collect();
        finished
    }

    /// The requests to GitHub.
    fn asked(&self) -> Vec<String> {
        let all = self.cloud.requests().into_iter();
        let asked = all.filter(|request| request.host == "api.github.com");
        asked.map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// The comment on the pull request.
    fn comment(&self) -> String {
        let path = self.cloud.path.parent().expect("a folder").join("github.json");
        let text = std::fs::read_to_string(path).expect("GitHub was told something");
        let activity: Value = serde_json::from_str(&text).expect("JSON");
        activity["comments"][0]["body"].as_str().unwrap_or_default().to_owned()
    }

    fn has_pushed(&self) -> bool {
        let all = self.cloud.requests();
        all.iter().any(|request| request.method == "PUT" && request.path.contains("/manifests/"))
    }
}

fn comment() -> Value {
    json!({
        "action": "created",
        "issue": { "number": 7, "state": "open", "user": { "login": "ada" }, "pull_request": {} },
        "comment": { "author_association": "MEMBER" },
        "repository": { "full_name": "octo/demo", "default_branch": "main" },
    })
}

fn workflow_run(head: &str, owner: &str) -> Value {
    json!({
        "action": "completed",
        "workflow_run": {
            "event": "pull_request", "head_branch": "topic", "head_sha": head, "pull_requests": [],
            "head_repository": { "full_name": format!("{owner}/demo"), "owner": { "login": owner } },
            "repository": { "full_name": "octo/demo" },
        },
    })
}

fn pull_request(scene: &Scene, action: &str) -> Value {
    let repo = json!({ "full_name": "octo/demo" });
    json!({
        "action": action,
        "number": 7,
        "pull_request": {
            "number": 7, "user": { "login": "ada" },
            "state": if action == "closed" { "closed" } else { "open" },
            "head": { "ref": "topic", "sha": scene.head, "repo": repo },
            "base": { "ref": "main", "sha": scene.main, "repo": repo },
        },
    })
}

/// Fails the test unless this was said. Reports may have been made after it.
#[track_caller]
fn said(finished: &Finished, expected: &str) {
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
}

#[test]
fn comment_on_an_own_pull_request_is_looked_up_and_deployed() {
    let scene = Scene::new().on("issue_comment", &comment());
    scene.run(&[]).exits(0);

    assert_eq!(scene.asked()[0], "GET /repos/octo/demo/pulls/7");
    assert!(scene.has_pushed());
    assert!(scene.comment().contains("shop: ✅ succeeded"), "{}", scene.comment());
}

#[test]
fn comment_is_refused_while_the_default_branch_is_checked_out() {
    let scene = Scene::new().on("issue_comment", &comment());
    scene.program.git(&["checkout", "--quiet", &scene.main]);
    let finished = scene.run(&[]).exits(3);

    let (main, head) = (&scene.main[..7], &scene.head[..7]);
    said(&finished, &format!(
            "error: nothing is pushed or deployed, because commit {main} is checked out, which is neither the head of pull request 7 ({head}) nor its merge commit
  help: give actions/checkout `ref: refs/pull/${{{{ github.event.issue.number }}}}/head`
"
        ));
    assert!(!scene.has_pushed());
}

#[test]
fn pull_request_target_is_refused_while_the_base_is_checked_out() {
    let scene = Scene::new();
    let payload = pull_request(&scene, "synchronize");
    let scene = scene.on("pull_request_target", &payload);
    scene.program.git(&["checkout", "--quiet", &scene.main]);
    let finished = scene.run(&[]).exits(3);

    let (main, head) = (&scene.main[..7], &scene.head[..7]);
    said(&finished, &format!(
            "error: nothing is pushed or deployed, because commit {main} is checked out, which is neither the head of pull request 7 ({head}) nor its merge commit
  help: give actions/checkout `ref: ${{{{ github.event.pull_request.head.sha }}}}`
"
        ));
    assert!(!scene.has_pushed());

    scene.program.git(&["checkout", "--quiet", &scene.head]);
    scene.run(&[]).exits(0);
    assert!(scene.has_pushed());
}

#[test]
fn workflow_run_finds_the_pull_request_of_its_branch() {
    let scene = Scene::new();
    let payload = workflow_run(&scene.head, "octo");
    let scene = scene.on("workflow_run", &payload);
    scene.run(&[]).exits(0);

    assert_eq!(scene.asked()[0], "GET /repos/octo/demo/pulls?head=octo%3Atopic&per_page=100");
    assert!(scene.has_pushed());
}

#[test]
fn workflow_run_of_a_fork_comments_and_deploys_nothing() {
    let scene = Scene::with(&json!({ "head-repository": "eve/demo" }));
    let payload = workflow_run(&scene.head, "eve");
    let scene = scene.on("workflow_run", &payload);
    scene.run(&[]).exits(0);

    assert!(!scene.has_pushed());
    let comment = scene.comment();
    assert!(comment.contains("skipped, not pushed: the code comes from a fork"), "{comment}");
}

#[test]
fn workflow_run_without_a_pull_request_is_refused() {
    let scene = Scene::with(&json!({ "head-ref": "other" }));
    let payload = workflow_run(&scene.head, "octo");
    let scene = scene.on("workflow_run", &payload);
    let finished = scene.run(&[]).exits(3);

    said(
        &finished,
        "error: nothing is pushed or deployed, because the pull request is not known
  because: there is no open pull request of `octo:topic`
",
    );
}

#[test]
fn number_of_a_dispatched_workflow_is_looked_up() {
    let scene =
        Scene::new().on("workflow_dispatch", &json!({ "inputs": {}, "ref": "refs/heads/main" }));
    scene.run(&["--pr", "7"]).exits(0);
    assert_eq!(scene.asked()[0], "GET /repos/octo/demo/pulls/7");
    assert!(scene.has_pushed());

    let finished = scene.run(&["--pr", "8"]).exits(3);
    let expected = "error: nothing is pushed or deployed, because pull request 8 is not known
  because: cannot read pull request 8 of `octo/demo`: ";
    said(&finished, expected);
}

#[test]
fn push_to_a_branch_with_a_pull_request_comments_there() {
    let scene = Scene::new();
    let payload = json!({
        "ref": "refs/heads/topic", "after": scene.head,
        "repository": { "full_name": "octo/demo", "default_branch": "main" },
    });
    let mut scene = scene.on("push", &payload);
    let head = scene.head.clone();
    scene.program = scene
        .program
        .env("GITHUB_REF", "refs/heads/topic")
        .env("GITHUB_REF_NAME", "topic")
        .env("GITHUB_SHA", &head);
    scene.run(&[]).exits(0);

    assert!(scene.asked()[0].starts_with("GET /repos/octo/demo/pulls?head=octo%3Atopic"));
    assert!(scene.comment().contains("shop: ✅ succeeded"), "{}", scene.comment());
}

#[test]
fn looking_a_pull_request_up_may_fail_once_with_any_transient_fault() {
    let found = |event: &str, fault: &Value| {
        let mut fault = fault.clone();
        fault["host"] = json!("api.github.com");
        fault["path-contains"] = json!("/pulls");
        let scene = Scene::with_faults(&json!({}), &[fault.clone()]);
        let payload = match event {
            "issue_comment" => comment(),
            _ => workflow_run(&scene.head, "octo"),
        };
        let scene = scene.on(event, &payload);
        let finished = scene.run(&[]);
        let asked = scene.asked().iter().filter(|line| line.contains("/pulls")).count();
        let is_well = finished.code == 0 && scene.has_pushed() && asked == 2;
        (!is_well).then(|| format!("{event}, {fault}: {asked} requests\n{}", finished.stderr))
    };
    let tried: Vec<String> = thread::scope(|scope| {
        let pairs = ["issue_comment", "workflow_run"]
            .into_iter()
            .flat_map(|event| transient_faults().into_iter().map(move |fault| (event, fault)));
        let trials: Vec<_> =
            pairs.map(|(event, fault)| scope.spawn(move || found(event, &fault))).collect();
        trials.into_iter().filter_map(|trial| trial.join().expect("no panic")).collect()
    });
    assert!(tried.is_empty(), "{}", tried.join("\n\n"));
}

#[test]
fn pull_request_is_not_looked_up_again() {
    let scene = Scene::new();
    let payload = pull_request(&scene, "synchronize");
    let scene = scene.on("pull_request", &payload);
    scene.run(&[]).exits(0);

    let asked = scene.asked();
    assert!(asked.iter().all(|line| !line.contains("/pulls")), "{asked:?}");
    assert!(scene.has_pushed());
}

#[test]
fn dry_run_of_a_payload_notes_that_its_pull_request_is_not_checked_out() {
    let scene = Scene::new();
    let payload = pull_request(&scene, "synchronize");
    // Git does not see it as a change of the tree.
    let path = scene.program.path(".git/payload.json");
    std::fs::write(&path, payload.to_string()).expect("a file can be written");
    scene.program.git(&["checkout", "--quiet", &scene.main]);
    let rehearse = || scene.program.run(&["dry-run", "--event", ".git/payload.json"]).exits(0);

    let (main, head) = (&scene.main[..7], &scene.head[..7]);
    let why = format!(
        "nothing is pushed or deployed, because commit {main} is checked out, which is neither \
         the head of pull request 7 ({head}) nor its merge commit"
    );
    said(&rehearse(), &format!("note: a real run would stop here: {why}\n"));
    let real = scene.run(&["--event", ".git/payload.json"]).exits(3);
    said(&real, &format!("error: {why}\n"));

    scene.program.git(&["checkout", "--quiet", &scene.head]);
    let fine = rehearse();
    assert!(!fine.stderr.contains("a real run"), "{}", fine.stderr);
}

#[test]
fn closed_pull_request_is_never_deployed() {
    let scene = Scene::new();
    let payload = pull_request(&scene, "closed");
    let scene = scene.on("pull_request", &payload);
    let finished = scene.run(&[]).exits(0);

    assert!(!scene.has_pushed());
    said(&finished, "skipped: the pull request is closed");
    let comment = scene.comment();
    assert!(comment.contains("skipped: the pull request is closed"), "{comment}");
}

#[test]
fn status_of_the_commit_stays_once_its_pull_request_is_closed() {
    let mut scene = Scene::new();
    let payload = pull_request(&scene, "closed");
    let plan = PLAN.replace("report: [comment]", "report: [comment, status]");
    scene.program = scene.program.file("shipway.yml", &plan);
    let scene = scene.on("pull_request", &payload);
    scene.run(&[]).exits(0);

    let asked = scene.asked();
    assert!(asked.iter().any(|line| line.contains("/comments")), "{asked:?}");
    assert!(asked.iter().all(|line| !line.contains("/statuses/")), "{asked:?}");
}

#[test]
fn comment_on_a_closed_pull_request_deploys_nothing() {
    let scene = Scene::with(&json!({ "state": "closed" })).on("issue_comment", &comment());
    scene.run(&[]).exits(0);
    assert!(!scene.has_pushed());
}

#[test]
fn comment_without_a_token_is_refused() {
    let scene = Scene::new().on("issue_comment", &comment());
    let finished = scene.program.run(&["run"]).exits(3);
    said(&finished, "error: nothing is pushed or deployed, because pull request 7 is not known
  because: there is no token to ask GitHub with
  help: set `GITHUB_TOKEN`, in a step of a workflow with `env: { GITHUB_TOKEN: \"${{ github.token }}\" }`
");
}

#[test]
fn provenance_names_the_merge_that_was_built_and_the_head_beside_it() {
    let scene = Scene::new();
    scene.program.git(&["checkout", "--quiet", "--detach", &scene.main]);
    scene.program.git(&["merge", "--quiet", "--no-ff", "--no-edit", "topic"]);
    let merge = scene.program.git(&["rev-parse", "HEAD"]);
    let payload = pull_request(&scene, "synchronize");
    let mut scene = scene.on("pull_request", &payload);
    scene.program = scene.program.env("GITHUB_SHA", &merge).env("GITHUB_REF", "refs/pull/7/merge");
    scene.run(&[]).exits(0);

    let attached = crate::support::state::output(&scene.program, 0, "provenance");
    let (name, digest) = attached.split_once('@').expect("by digest");
    let repository = name.strip_prefix("demo.azurecr.io/").expect("in the registry");
    let path = scene.cloud.path.parent().expect("a folder");
    let manifest = document(path, digest, "layers");
    let layer = manifest["layers"][0]["digest"].as_str().expect("a statement");
    let statement = document(path, layer, "predicate");
    assert_eq!(repository, "shop");
    let source = &statement["predicate"]["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!(source["digest"], json!({ "gitCommit": merge }));
    assert_eq!(source["annotations"], json!({ "pullRequestHead": scene.head }));
    assert!(source["uri"].as_str().expect("text").ends_with("@refs/pull/7/merge"), "{source}");
}

/// A document with this member that the registry of the cloud keeps in its state
/// folder.
fn document(state: &std::path::Path, digest: &str, member: &str) -> Value {
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let mut folders = vec![state.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).expect("a file");
            let found: Option<Value> = serde_json::from_slice(&bytes).ok();
            let is_named = entry.file_name().to_string_lossy().contains(hex);
            if let Some(found) = found.filter(|found| is_named && found.get(member).is_some()) {
                return found;
            }
        }
    }
    panic!("no {digest} in the registry")
}
