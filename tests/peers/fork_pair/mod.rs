//! `workflows/fork-previews` in `act`: one workflow builds the code of a fork without secrets,
//! another deploys what it has built, by the plan of the base branch.

mod scene;

use crate::act::EndedAct;
use crate::peer::programs;
use scene::{REPOSITORY_SECRET, RUNNER_TOKEN, Scene, workflow, workflow_run};
use serde_json::Value;
use shipway::testing::local::LoggedRequest;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The number of the run that has built the image, as large as those of GitHub.
const RUN: u64 = 16_012_345_678;

impl Scene {
    /// The container groups of the subscription.
    fn groups(&self) -> Vec<String> {
        let path = self.cloud.state().join("arm/resources.json");
        let text = fs::read_to_string(path).unwrap_or_default();
        let resources: Value = serde_json::from_str(&text).unwrap_or_default();
        let groups = resources["container-groups"].as_object();
        groups.into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// The only comment on the pull request.
    #[track_caller]
    fn comment(&self) -> String {
        let comments = self.cloud.comments();
        let [comment] = comments.as_slice() else { panic!("{comments:#?}") };
        comment.clone()
    }

    /// The state of each of GitHub's deployments, and the commit that it is of.
    fn deployments(&self) -> Vec<[String; 2]> {
        let github = self.cloud.github();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let deployments = github["deployments"].as_array().expect("a list");
        let newest = |one: &Value| one["statuses"].as_array()?.last().cloned();
        let of = |one| [text(&newest(one).expect("a status")["state"]), text(&one["sha"])];
        deployments.iter().map(of).collect()
    }

    /// The names of what the fork's code has left.
    fn marks(&self) -> Vec<String> {
        let marks = fs::read_dir(self.path("marks")).expect("a folder").flatten();
        let mut marks: Vec<_> = marks.map(|mark| mark.file_name()).collect();
        marks.sort();
        marks.into_iter().map(|name| name.into_string().expect("text")).collect()
    }

    #[track_caller]
    fn assert_nothing_pushed_or_deployed(&self) {
        for request in self.cloud.requests() {
            let is_change = match request.method.as_str() {
                "PUT" | "PATCH" | "DELETE" => request.host != "api.github.com",
                // The first request for a blob; others only ask for something.
                _ => request.method == "POST" && request.path.starts_with("/v2/"),
            };
            assert!(!is_change, "{request:#?}");
        }
        assert_eq!(self.groups(), [""; 0]);
    }

    /// Runs workflows whose jobs all have an `if` that is false.
    #[track_caller]
    fn assert_skips(&self, event: &str, payload: &Value) {
        let EndedAct { succeeded, said } = self.run(event, payload, RUN + 1);
        assert!(succeeded && !said.contains("Set up job"), "{said}");
    }
}

#[test]
fn fork_is_built_without_secrets_deployed_by_the_plan_of_the_base_branch_and_removed() {
    let scene = Scene::new(1);
    let head = &scene.commits[0];

    scene.build(RUN, head);
    assert_environment_is_without_credentials(&scene);
    assert!(scene.cloud.requests().is_empty(), "{:#?}", scene.cloud.requests());
    assert!(scene.tokens.asked().is_empty(), "{:#?}", scene.tokens.asked());
    assert!(scene.artifact(RUN).join("index.json").exists());

    let mut failed = workflow_run(RUN, head);
    failed["workflow_run"]["conclusion"] = "failure".into();
    scene.assert_skips("workflow_run", &failed);
    let mut own = workflow_run(RUN, head);
    own["workflow_run"]["head_repository"] = own["repository"].clone();
    scene.assert_skips("workflow_run", &own);
    assert!(scene.cloud.requests().is_empty(), "{:#?}", scene.cloud.requests());

    let EndedAct { succeeded, said } = scene.deploy(RUN, head);
    assert!(succeeded, "{said}");
    let plan =
        format!("the plan is that of commit {} of `main`, and not the fork's", &scene.base[..7]);
    let comment = scene.comment();
    for part in [
        "### fork-previews: ✅ succeeded\n",
        &format!("| `shipwayforks.azurecr.io/fork-preview@{}` |", digest(&scene.artifact(RUN))),
        &format!("- {plan}\n"),
    ] {
        assert!(comment.contains(part), "no `{part}` in {comment}");
    }
    assert!(said.contains(&format!("note: {plan}")), "{said}");
    let [group] = scene.groups().try_into().expect("one container group");
    assert!(group.starts_with("fork-previews/demo-pr-7-"), "{group}");
    assert_eq!(scene.deployments(), [["success", head.as_str()]]);
    // The event names no pull request.
    let requests = scene.cloud.requests();
    let asked = |request: &LoggedRequest| request.path.contains("/pulls?head=eve%3Atopic&");
    assert!(requests.iter().any(asked), "{requests:#?}");
    let asked = scene.tokens.asked();
    let token = format!("authorization: Bearer {RUNNER_TOKEN}");
    assert!(!asked.is_empty() && asked.iter().all(|[_, by]| *by == token), "{asked:#?}");

    let closed = scene.pull_request("closed", head);
    let EndedAct { succeeded, said } = scene.run("pull_request_target", &closed, RUN + 2);
    assert!(succeeded, "{said}");
    let comment = scene.comment();
    let removed = "### fork-previews: 🧹 removed\n\nPull request 7 was closed. Nothing of it runs any more.\n";
    assert!(comment.contains(removed), "{comment}");
    assert_eq!(scene.groups(), [""; 0]);
    assert_eq!(scene.deployments(), [["inactive", head.as_str()]]);

    // The step of the fork's plan has run in the first workflow, and nothing of it since.
    assert_eq!(scene.marks(), ["git-config", "pull_request"]);
}

/// The jobs have the variables of a runner, and the repository has variables and secrets.
#[track_caller]
fn assert_environment_is_without_credentials(scene: &Scene) {
    let environment = fs::read_to_string(scene.path("marks/pull_request")).expect("written");
    let variables: BTreeMap<_, _> =
        environment.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(variables["GITHUB_JOB"], "build", "{environment}");
    let is_withheld = |name: &&&str| {
        let parts = ["AZURE_", "ACTIONS_ID_TOKEN_", "INPUT_"];
        parts.iter().any(|part| name.starts_with(part)) || **name == "GITHUB_TOKEN"
    };
    let found: Vec<_> = variables.keys().filter(is_withheld).collect();
    assert!(found.is_empty(), "{found:?}");
    let login = fs::read_to_string(scene.path("marks/git-config")).expect("written");
    assert!(login.contains("url = https://github.com/octo/demo"), "{login}");
    assert!(!login.contains("extraheader"), "{login}");
    let token = scene.cloud.file.github.as_ref().expect("GitHub").token.expose();
    for secret in [token, RUNNER_TOKEN, REPOSITORY_SECRET, &scene.cloud.file.client_id] {
        assert!(!environment.contains(secret) && !login.contains(secret), "{environment}");
    }
}

/// The digest of the image of a layout.
fn digest(layout: &Path) -> String {
    let index = fs::read_to_string(layout.join("index.json")).expect("a layout");
    let index: Value = serde_json::from_str(&index).expect("JSON");
    index["manifests"][0]["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn pull_request_of_the_repository_itself_is_neither_built_nor_removed() {
    let scene = Scene::new(1);
    for [event, action] in [["pull_request", "opened"], ["pull_request_target", "closed"]] {
        let mut own = scene.pull_request(action, &scene.commits[0]);
        own["pull_request"]["head"]["repo"] = own["repository"].clone();
        scene.assert_skips(event, &own);
    }
    assert_eq!(scene.marks(), [""; 0]);
    assert!(scene.cloud.requests().is_empty(), "{:#?}", scene.cloud.requests());
}

#[test]
fn spoiled_image_of_a_fork_is_refused() {
    let scene = Scene::new(1);
    let head = &scene.commits[0];
    scene.build(RUN, head);
    let spoiled = spoil(&scene.artifact(RUN));

    let EndedAct { succeeded, said } = scene.deploy(RUN, head);

    assert!(!succeeded, "{said}");
    let (_, from) = said.split_once("cannot import `oci:").expect(&said);
    let (from, _) = from.split_once('`').expect(&said);
    let name = spoiled.file_name().expect("a name").display();
    let sum = programs::run_in(&scene.artifact(RUN), "sha256sum", &[&spoiled.to_string_lossy()]);
    let (sum, _) = sum.split_once(' ').expect("a sum");
    let size = fs::metadata(&spoiled).expect("a file").len();
    let expected = format!(
        "\
**`build-2` failed**

```text
cannot import `oci:{from}`
  cannot copy `blobs/sha256/{name}` from `{from}`
    expected `sha256:{name}` of {size} bytes, found `sha256:{sum}` of {size} bytes
```

**What to do:** create it again: it is damaged or comes from another source

- the plan is that of commit {} of `main`, and not the fork's
",
        &scene.base[..7]
    );
    let comment = scene.comment();
    assert!(comment.contains("### fork-previews: ❌ failed\n"), "{comment}");
    assert!(comment.contains(&expected), "no\n{expected}in\n{comment}");
    scene.assert_nothing_pushed_or_deployed();
    assert!(scene.deployments().is_empty());
    assert_eq!(scene.marks(), ["git-config", "pull_request"]);
}

/// Changes a byte of the largest blob.
fn spoil(layout: &Path) -> PathBuf {
    let blobs = fs::read_dir(layout.join("blobs/sha256")).expect("blobs").flatten();
    let largest = blobs.max_by_key(|entry| entry.metadata().expect("a file").len()).expect("one");
    let mut bytes = fs::read(largest.path()).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(largest.path(), bytes).expect("written");
    largest.path()
}

#[test]
fn commit_that_is_no_longer_the_head_and_image_of_another_commit_are_refused() {
    let scene = Scene::new(2);
    let [first, second] = scene.commits.as_slice() else { panic!("two commits") };
    scene.build(RUN, first);

    // The pull request has a newer commit since.
    let EndedAct { succeeded, said } = scene.deploy(RUN, first);
    assert!(!succeeded, "{said}");
    let expected = format!(
        "\
### fork-previews: ❌ failed, nothing was changed

What an earlier run deployed is as it was.

```text
`--allow-fork-deploy` names {first}, and the pull request's head is {second}
```

**What to do:** read what has changed since, and name the whole hash of the head
"
    );
    let comment = scene.comment();
    assert!(comment.contains(&expected), "no\n{expected}in\n{comment}");
    scene.assert_nothing_pushed_or_deployed();
    assert!(scene.deployments().is_empty());

    // The artifact of the newer commit's run has the image of the older one.
    let EndedAct { succeeded, said } = scene.deploy(RUN, second);
    assert!(!succeeded, "{said}");
    let comment = scene.comment();
    for part in [
        "| `fork-previews` | ❌ failed, the new preview was removed |",
        "**`verify` failed**\n",
        &format!("\n  the body does not contain `{second}`\n"),
        &format!("\npull request 7, commit {first}\n"),
    ] {
        assert!(comment.contains(part), "no `{part}` in {comment}");
    }
    assert_eq!(scene.groups(), [""; 0]);
    assert_eq!(scene.deployments(), [["failure", second.as_str()]]);
    assert_eq!(scene.marks(), ["git-config", "pull_request"]);
}

#[test]
fn second_workflow_follows_the_first_which_may_only_read() {
    let [build, deploy] = [workflow("build-workflow.yml"), workflow("deploy-workflow.yml")];
    let name = build.lines().find_map(|line| line.strip_prefix("name: ")).expect("a name");
    assert!(deploy.contains(&format!("    workflows: [{name}]\n")), "{deploy}");
    let permissions: Vec<_> =
        build.lines().filter(|line| line.trim_start().starts_with("permissions:")).collect();
    assert_eq!(permissions, ["permissions: { contents: read }"]);
    assert!(!build.contains("secrets.") && !build.contains("vars."), "{build}");
}
