//! `shipway down`.

use super::{Servers, clone, cloud, squeezed};
use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program, eventually};
use serde_json::{Value, json};
use std::fs;

/// Two services, the second of which needs the first. `realm` marks the processes
/// of the containers.
fn plan(realm: &str) -> String {
    let service = |name: &str| {
        format!(
            "    steps:
      - build:
          layers: [{{ from: busybox, to: /busybox, mode: '0755' }}]
          entrypoint: [/busybox, httpd, -f, -p, '8080', -r, {realm}]
      - tag: {{ image: demo.azurecr.io/{name}, tags: [\"${{{{ pr.tag || 'live' }}}}\"] }}
      - push:
      - deploy:
          aci:
            name: ${{{{ vars.label }}}}-{name}
            dns-label: ${{{{ vars.label }}}}-{name}
            ports: [8080]
            env: {{ TOKEN: '${{{{ secrets.token }}}}' }}
"
        )
    };
    format!(
        "name: shop
azure: {{ resource-group: demo, location: westeurope }}
secrets: {{ token: {{ env: SHOP_TOKEN }} }}
registries: {{ demo.azurecr.io: {{}} }}
vars: {{ label: shop }}
environments:
  preview:
    if: github.event_name == 'pull_request'
    ttl: 48h
    vars: {{ label: 'shop-${{{{ pr.slug }}}}' }}
  production: {{ if: github.event_name == 'push', protected: true }}
report: [comment, deployment]
services:
  api:
{}  web:
    needs: [api]
{}",
        service("api"),
        service("web")
    )
}

/// A cloud in which pull request 7 was deployed.
struct Scene {
    program: Program,
    cloud: CloudProcess,
}

impl Scene {
    fn new(realm: &str, faults: &Value) -> Self {
        let program = clone(&plan(realm));
        let main = program.git(&["rev-parse", "HEAD"]);
        program.git(&["checkout", "--quiet", "-b", "topic"]);
        program.git(&["commit", "--quiet", "--allow-empty", "--message=two"]);
        let head = program.git(&["rev-parse", "HEAD"]);
        let pull = json!({
            "number": 7, "head-sha": head, "head-ref": "topic", "base-ref": "main",
        });
        let cloud = cloud(&json!({ "pull-request": pull }), faults);
        let own = json!({ "full_name": "octo/demo" });
        let event = json!({
            "action": "synchronize",
            "number": 7,
            "pull_request": {
                "number": 7, "state": "open", "merged": false, "user": { "login": "ada" },
                "head": { "ref": "topic", "sha": head, "repo": own },
                "base": { "ref": "main", "sha": main, "repo": own },
            },
            "repository": own,
        });
        let program = program.in_actions("pull_request", &event).env("GITHUB_SHA", &head);
        let program = program.env("SHOP_TOKEN", "hunter22");
        let scene = Self { program, cloud };
        scene.shipway(&["run"]).exits(0);
        // Nothing below needs it.
        Self { program: scene.program.env("SHOP_TOKEN", ""), cloud: scene.cloud }
    }

    fn shipway(&self, arguments: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        self.program.run(&[arguments, &["--cloud", &cloud]].concat())
    }
}

/// How many processes have this word on their command line.
fn processes(word: &str) -> usize {
    let has_it = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).any(|argument| argument == word.as_bytes())
    };
    fs::read_dir("/proc").expect("a folder").flatten().filter(has_it).count()
}

/// The body of the only comment.
fn comment(servers: &Servers) -> String {
    let comments = servers.github("issues/7/comments");
    assert_eq!(comments.as_array().map(Vec::len), Some(1), "{comments:#}");
    comments[0]["body"].as_str().expect("a body").to_owned()
}

/// The newest status of each deployment.
fn deployments(servers: &Servers) -> Vec<String> {
    let all = servers.github("deployments");
    let states = all.as_array().expect("a list").iter().map(|one| {
        let statuses = servers.github(&format!("deployments/{}/statuses", one["id"]));
        format!("{} {}", one["environment"], statuses[0]["state"]).replace('"', "")
    });
    states.collect()
}

#[test]
fn a_preview_of_two_services_leaves_nothing() {
    let realm = "down-leaves-nothing";
    let scene = Scene::new(realm, &json!([]));
    let servers = Servers::of(&scene.cloud);
    assert_eq!(servers.groups(), ["shop-pr-7-api", "shop-pr-7-web"]);
    assert_eq!(deployments(&servers), ["shop/preview/pr-7 success"]);
    assert!(processes(realm) >= 2);

    let removed = scene.shipway(&["down", "--yes"]).exits(0);

    assert_eq!(removed.stdout, "removed shop-pr-7-web\nremoved shop-pr-7-api\n");
    assert_eq!(
        squeezed(&removed.stderr),
        "CONTAINER GROUP SERVICE AGE ACTION WHY
shop-pr-7-api api AGE remove `preview`, pull request 7
shop-pr-7-web web AGE remove `preview`, pull request 7
2 container groups of `shop` in `preview` for pull request 7
comment on the pull request: https://github.com/octo/demo/pull/7
removed 2 container groups
"
    );
    assert!(servers.groups().is_empty());
    eventually("its containers end", || (processes(realm) == 0).then_some(()));
    assert_eq!(deployments(&servers), ["shop/preview/pr-7 inactive"]);
    assert_eq!(
        comment(&servers),
        "<!-- shipway key=shop/preview/ -->
### shop: 🧹 removed

Nothing of it runs any more.

| Service | Container group | Status |
| --- | --- | --- |
| `web` | `shop-pr-7-web` | removed |
| `api` | `shop-pr-7-api` | removed |

<sub>environment `preview` · shipway</sub>
"
    );

    let again = scene.shipway(&["down", "--yes"]).exits(0);
    assert_eq!(again.stdout, "");
    assert_eq!(
        squeezed(&again.stderr),
        "nothing that `shop` deployed in `preview` for pull request 7 is there to remove\n\
         comment on the pull request: https://github.com/octo/demo/pull/7\n"
    );
}

#[test]
fn nothing_is_removed_without_a_confirmation() {
    let scene = Scene::new("down-asks", &json!([]));
    let servers = Servers::of(&scene.cloud);

    let refused = scene.shipway(&["down"]).exits(2);
    assert!(
        refused.stderr.ends_with(
            "error: cannot remove 2 container groups without a confirmation
  because: there is no terminal to ask in
  help: add `--yes`
"
        ),
        "{}",
        refused.stderr
    );
    let listed = scene.shipway(&["down", "--dry-run"]).exits(0);
    assert_eq!(
        squeezed(&listed.stdout),
        "CONTAINER GROUP SERVICE AGE ACTION WHY
shop-pr-7-api api AGE remove `preview`, pull request 7
shop-pr-7-web web AGE remove `preview`, pull request 7
"
    );
    let json = scene.shipway(&["down", "--dry-run", "--output", "json"]).exits(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    let group = &json["groups"][0];
    assert_eq!(
        (&group["name"], &group["pull-request"], &group["action"], &group["result"]),
        (&json!("shop-pr-7-api"), &json!(7), &json!("remove"), &Value::Null)
    );
    assert_eq!(group["repository"], "octo/demo");
    assert_eq!(servers.groups().len(), 2);

    // A group of another tool is not even listed.
    servers.tag("shop-pr-7-web", &json!({ "team": "web" }));
    let removed = scene.shipway(&["down", "--yes"]).exits(0);
    assert_eq!(removed.stdout, "removed shop-pr-7-api\n");
    assert_eq!(servers.groups(), ["shop-pr-7-web"]);
}

#[test]
fn a_group_that_cannot_be_deleted_is_reported_and_the_others_go() {
    let locked = json!([{
        "method": "DELETE", "path-contains": "shop-pr-7-web", "status": 409, "times": 100,
        "code": "ScopeLocked", "message": "The scope cannot perform delete operation.",
    }]);
    let scene = Scene::new("down-fails", &locked);
    let servers = Servers::of(&scene.cloud);

    let failed = scene.shipway(&["down", "--yes"]).exits(4);

    assert_eq!(failed.stdout, "not removed shop-pr-7-web\nremoved shop-pr-7-api\n");
    failed.says_in_order(&[
        "error: cannot delete container group `shop-pr-7-web`\n  because: ",
        "removed 1 container group\n",
        "error: 1 container group is still there\n",
        "  help: `shipway down --env preview --pr 7 --cloud ",
        "` removes it once the cause is gone\n",
    ]);
    assert_eq!(servers.groups(), ["shop-pr-7-web"]);
    let comment = comment(&servers);
    assert!(comment.contains("### shop: ❌ not all of it was removed\n"), "{comment}");
    assert!(
        comment
            .contains("| `web` | `shop-pr-7-web` | ❌ still there: cannot delete container group"),
        "{comment}"
    );
    assert_eq!(deployments(&servers), ["shop/preview/pr-7 success"]);
}

#[test]
fn the_tags_of_the_pull_request_go_with_images() {
    let scene = Scene::new("down-images", &json!([]));

    let removed = scene.shipway(&["down", "--yes", "--images"]).exits(0);

    let lines: Vec<&str> =
        removed.stdout.lines().map(|line| line.split(" (").next().unwrap_or_default()).collect();
    assert_eq!(
        lines,
        [
            "removed shop-pr-7-web",
            "removed shop-pr-7-api",
            "deleted demo.azurecr.io/api: pr-7",
            "deleted demo.azurecr.io/web: pr-7",
        ]
    );
    let left = scene.shipway(&["images", "--plan", "shipway.yml", "--output", "json"]).exits(0);
    assert_eq!(left.stdout.trim(), "[]");
}

#[test]
fn what_is_meant_has_to_be_said() {
    let program = clone(&plan("down-unclear"));
    let said = |arguments: &[&str]| program.run(&[&["down"], arguments].concat()).exits(2).stderr;

    assert_eq!(
        said(&[]),
        "error: cannot tell what to take down, because no environment is chosen
  help: name one, `--env preview`, `--env production`, or a pull request, `--pr N`
"
    );
    assert_eq!(
        said(&["--event", "push"]),
        "error: cannot take down `production`, which is protected, unless it is named
  help: add `--env production`
"
    );
    assert_eq!(
        said(&["--env", "preview", "--images"]),
        "error: cannot remove the tags of a pull request, because none is named
  help: add `--pr N`, or leave out `--images`
"
    );
}
