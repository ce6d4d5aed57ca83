//! `shipway preview`: the preview of a pull request, from its opening to its end.

use super::{Servers, clone, cloud, squeezed};
use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use std::fs;

const PLAN: &str = "name: shop
azure: { resource-group: demo, location: westeurope }
environments:
  preview:
    if: pr.number && !github.event.pull_request.draft
    ttl: 48h
    max-previews: 2
report: [comment, deployment]
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, sleep, '600']
  - tag: { image: demo.azurecr.io/shop, tags: ['${{ pr.tag }}'] }
  - push:
  - deploy: { aci: { name: '${{ pr.dns-label }}' } }
";

/// The label of pull request 7 of `octo/demo`.
const LABEL: &str = "demo-pr-7-ae066c";

/// A repository with a pull request, and a cloud.
struct Scene {
    program: Program,
    cloud: CloudProcess,
    head: String,
    main: String,
}

impl Scene {
    fn new() -> Self {
        Self::with(&json!({}))
    }

    /// GitHub says this of pull request 7.
    fn with(pull_request: &Value) -> Self {
        let program = clone(PLAN);
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
        let github = json!({
            "pull-request": pull, "collaborators": { "Ada": "maintain", "eve": "read" },
        });
        let program = program.env("GITHUB_SHA", &head);
        Self { program, cloud: cloud(&github, &json!([])), head, main }
    }

    /// `shipway preview` for an event of pull request 7.
    fn on(self, action: &str, draft: bool) -> (Self, Finished) {
        self.on_number(7, action, draft)
    }

    fn on_number(self, number: u64, action: &str, draft: bool) -> (Self, Finished) {
        let own = json!({ "full_name": "octo/demo" });
        let event = json!({
            "action": action,
            "number": number,
            "pull_request": {
                "number": number, "draft": draft, "user": { "login": "ada" },
                "state": if action == "closed" { "closed" } else { "open" },
                "head": { "ref": "topic", "sha": self.head, "repo": own },
                "base": { "ref": "main", "sha": self.main, "repo": own },
            },
            "repository": own,
        });
        self.during("pull_request", &event)
    }

    /// The same for a comment.
    fn on_comment(self, author: &str, body: &str) -> (Self, Finished) {
        let event = json!({
            "action": "created",
            "issue": {
                "number": 7, "state": "open", "user": { "login": "ada" }, "pull_request": {},
            },
            "comment": { "body": body, "user": { "login": author } },
            "repository": { "full_name": "octo/demo", "default_branch": "main" },
        });
        self.during("issue_comment", &event)
    }

    fn during(self, event: &str, payload: &Value) -> (Self, Finished) {
        let program = self.program.in_actions(event, payload);
        fs::write(program.path(".git/output"), "").expect("written");
        let output = program.path(".git/output").display().to_string();
        let program = program.env("GITHUB_OUTPUT", &output);
        let cloud = self.cloud.path.display().to_string();
        let finished = program.run(&["preview", "--cloud", &cloud]);
        (Self { program, ..self }, finished)
    }

    /// The output `status` of the last command.
    fn status(&self) -> String {
        let text = fs::read_to_string(self.program.path(".git/output")).expect("outputs");
        let mut lines = text.lines();
        lines.find(|line| line.starts_with("status<<")).expect("a status");
        lines.next().expect("a value").to_owned()
    }

    fn servers(&self) -> Servers {
        Servers::of(&self.cloud)
    }
}

/// The body of the only comment.
fn comment(servers: &Servers) -> String {
    let comments = servers.github("issues/7/comments");
    assert_eq!(comments.as_array().map(Vec::len), Some(1), "{comments:#}");
    comments[0]["body"].as_str().expect("a body").to_owned()
}

#[test]
fn preview_lives_as_long_as_its_pull_request() {
    let (scene, opened) = Scene::new().on("opened", false);
    opened.exits(0);
    let servers = scene.servers();
    assert_eq!(servers.groups(), [LABEL]);
    assert!(comment(&servers).contains("### shop: ✅ succeeded"), "{}", comment(&servers));

    // The `if` of the environment does not hold for a draft.
    let (scene, drafted) = scene.on("converted_to_draft", true);
    assert_eq!(drafted.exits(0).stdout, format!("removed {LABEL}\n"));
    assert_eq!(scene.status(), "removed");
    assert!(servers.groups().is_empty());
    let why = "No environment of the plan applies to pull request 7 now. Nothing of it runs any \
               more.\n";
    assert!(comment(&servers).contains(why), "{}", comment(&servers));

    let (scene, ready) = scene.on("ready_for_review", false);
    ready.exits(0);
    assert_eq!(servers.groups(), [LABEL]);

    let (scene, closed) = scene.on("closed", false);
    let closed = closed.exits(0);
    assert_eq!(closed.stdout, format!("removed {LABEL}\n"));
    assert_eq!(
        squeezed(&closed.stderr),
        format!(
            "CONTAINER GROUP SERVICE AGE ACTION WHY
{LABEL} shop AGE remove `preview`, pull request 7
1 container group of `shop` for pull request 7
comment on the pull request: https://github.com/octo/demo/pull/7
removed 1 container group
"
        )
    );
    assert_eq!(scene.status(), "removed");
    assert!(servers.groups().is_empty());
    assert_eq!(
        comment(&servers),
        format!(
            "<!-- shipway key=shop/preview/ -->
### shop: 🧹 removed

Pull request 7 was closed. Nothing of it runs any more.

| Service | Container group | Status |
| --- | --- | --- |
| `shop` | `{LABEL}` | removed |

<sub>environment `preview` · shipway</sub>
"
        )
    );
    let deployments = servers.github("deployments");
    for deployment in deployments.as_array().expect("a list") {
        let statuses = servers.github(&format!("deployments/{}/statuses", deployment["id"]));
        assert_eq!(statuses[0]["state"], "inactive", "{statuses:#}");
    }

    let (scene, again) = scene.on("closed", false);
    again
        .exits(0)
        .says_in_order(&["nothing that `shop` deployed for pull request 7 is there to remove\n"]);
    assert_eq!(scene.status(), "skipped");
}

#[test]
fn preview_of_a_pull_request_that_was_closed_in_the_meantime_is_removed() {
    let (scene, late) = Scene::with(&json!({ "state": "closed" })).on("synchronize", false);
    late.exits(0).says_in_order(&[
        "the pull request was closed while its preview was deployed\n",
        "removed 1 container group\n",
    ]);
    assert!(scene.servers().groups().is_empty());
    assert!(comment(&scene.servers()).contains("### shop: 🧹 removed"));
}

#[test]
fn removal_waits_for_a_run_that_deploys() {
    let (scene, opened) = Scene::new().on("opened", false);
    opened.exits(0);
    let servers = scene.servers();
    let path = format!("{}/{LABEL}", servers.groups_path());
    let group = servers.arm(reqwest::Method::GET, &path, &Value::Null);
    let mut tags = group["tags"].clone();
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    tags["shipway-lease"] = format!("01kdt4eyg0000000000000000a until {until}").into();
    servers.tag(LABEL, &tags);

    let (scene, closed) = scene.on("closed", false);
    closed.exits(0).says_in_order(&[
        "waiting for run 01kdt4eyg0000000000000000a, which is deploying\n",
        "removed 1 container group\n",
    ]);
    assert!(scene.servers().groups().is_empty());
}

#[test]
fn one_preview_too_many_is_refused_before_anything_is_changed() {
    let mut scene = Scene::new();
    for number in [5, 6] {
        let (next, deployed) = scene.on_number(number, "opened", false);
        deployed.exits(0);
        scene = next;
    }
    // One that has a preview is updated.
    let (scene, again) = scene.on_number(6, "synchronize", false);
    again.exits(0);

    let (scene, refused) = scene.on("opened", false);
    refused.exits(3).says_in_order(&[
        "error: cannot deploy a preview of pull request 7: `max-previews` of `preview` is 2
  because: these pull requests have one: 5, 6
  help: close one of them, remove a preview with `shipway down --pr N --env preview --cloud ",
        "`, or raise `max-previews`\n",
        "max-previews: 2",
    ]);
    assert_eq!(scene.servers().groups().len(), 2);
    let comment = comment(&scene.servers());
    assert!(comment.contains("these pull requests have one: 5, 6"), "{comment}");
}

#[test]
fn comments_of_people_with_write_access_deploy_and_destroy() {
    let (scene, ignored) = Scene::new().on_comment("eve", "/deploy");
    let stranger = "nothing to do: `eve` may not deploy by a comment, because the account has the \
                    role `read` in `octo/demo`, and no write access\n";
    ignored.exits(0).says_in_order(&[stranger]);
    assert_eq!(scene.status(), "skipped");
    let servers = scene.servers();
    assert!(servers.groups().is_empty());
    assert_eq!(servers.github("issues/7/comments"), json!([]));

    let (scene, deployed) = scene.on_comment("ada", "/deploy please");
    deployed.exits(0);
    assert_eq!(servers.groups(), [LABEL]);

    let (scene, other) = scene.on_comment("ada", "when will you /destroy it?");
    other.exits(0).says_in_order(&[
        "nothing to do: the comment begins with neither `/deploy` nor `/destroy`\n",
    ]);
    let (scene, destroyed) = scene.on_comment("ada", "/destroy");
    destroyed.exits(0);
    assert_eq!(scene.status(), "removed");
    assert!(servers.groups().is_empty());
    // The name is no mention: the report notifies people of nothing.
    let why = "ada asked for it. Nothing of it runs any more.\n";
    assert!(comment(&servers).contains(why), "{}", comment(&servers));
}

#[test]
fn preview_needs_a_pull_request() {
    let refused = clone(PLAN).run(&["preview"]).exits(2);
    assert_eq!(
        refused.stderr,
        "error: cannot tell which pull request the preview belongs to\n  help: add `--pr N`\n"
    );
    let push = json!({
        "ref": "refs/heads/main", "after": "12ab", "repository": { "full_name": "octo/demo" },
    });
    let pushed = clone(PLAN).in_actions("push", &push).run(&["preview"]).exits(0);
    pushed.says_in_order(&["nothing to do: `push` is about no open pull request\n"]);
}

#[test]
fn closed_pull_request_whose_plan_was_renamed_names_what_is_left() {
    let (scene, opened) = Scene::new().on("opened", false);
    opened.exits(0);
    fs::write(scene.program.path("shipway.yml"), PLAN.replacen("name: shop", "name: store", 1))
        .expect("written");

    let (scene, closed) = scene.on("closed", false);

    assert_eq!(
        squeezed(&closed.exits(0).stderr),
        format!(
            "CONTAINER GROUP SERVICE AGE ACTION WHY
{LABEL} shop AGE keep of plan `shop`: `shipway sweep` removes it once pull request 7 is closed
nothing that `store` deployed for pull request 7 is there to remove
"
        )
    );
    assert_eq!(scene.status(), "skipped");
    assert_eq!(scene.servers().groups(), [LABEL]);
}

#[test]
fn closed_pull_request_whose_plan_cannot_be_read_says_that_its_preview_is_left() {
    let (scene, opened) = Scene::new().on("opened", false);
    opened.exits(0);
    fs::write(scene.program.path("shipway.yml"), format!("{PLAN}steps: [\n")).expect("written");

    let (scene, closed) = scene.on("closed", false);

    let note = "the preview of pull request 7 was not removed; `shipway sweep --cloud CLOUD` \
                removes it, which needs no plan\n";
    let cloud = scene.cloud.path.display().to_string();
    let closed = closed.exits(2);
    let said = closed.stderr.replace(&cloud, "CLOUD");
    assert!(said.contains(note), "{said}");
    assert_eq!(scene.status(), "failed");
    let servers = scene.servers();
    assert_eq!(servers.groups(), [LABEL]);
    let comment = comment(&servers).replace(&cloud, "CLOUD");
    assert!(comment.starts_with("<!-- shipway key=shop/preview/ -->\n"), "{comment}");
    assert!(comment.contains("### shop: ❌ failed, nothing was changed\n"), "{comment}");
    assert!(comment.contains("`[` is not closed\n"), "{comment}");
    assert!(comment.contains(&format!("\n- {note}")), "{comment}");
}
