//! `shipway plan`, and deploys that find nothing to do.

mod foreseen;
mod known_before;
mod saved;
mod secret_values;

use crate::support::cloud_process::CloudProcess;
use crate::support::servers::Servers;
use crate::support::{Finished, Program};
use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PLAN: &str = "\
name: storefront
azure: { resource-group: demo, location: westeurope }
vars: { log: info, cpu: 0.5 }
services:
  web:
    steps:
      - build:
          layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
          entrypoint: [/bin/busybox, sleep, '600']
      - tag: demo.azurecr.io/web:v1
      - push:
      - id: live
        deploy:
          aci:
            name: storefront-web
            cpu: ${{ vars.cpu }}
            memory: 0.5GB
            env: { LOG: '${{ vars.log }}' }
";

/// A plan, and the local cloud that it is deployed to.
struct Setup {
    program: Program,
    cloud: CloudProcess,
}

impl Setup {
    /// With a registry that needs no login to be pulled from, or an admin user.
    fn new(plan: &str, admin_user: bool) -> Self {
        let cloud = CloudProcess::start(json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "anonymous-pull": !admin_user, "admin-user": admin_user,
            }],
        }));
        Self { program: Program::with_plan(plan).applets(), cloud }
    }

    fn shipway(&self, arguments: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        self.program.run(&[arguments, &["--cloud", &cloud]].concat())
    }

    /// What `plan` prints, digests left out.
    fn plan(&self, arguments: &[&str], exit: i32) -> String {
        let arguments = [&["plan", "--exit-code"], arguments].concat();
        without_digests(&self.shipway(&arguments).exits(exit).stdout)
    }

    /// The requests that `work` makes, as `METHOD host/path`, without signing in.
    fn requests(&self, work: impl FnOnce()) -> Vec<String> {
        let before = self.cloud.requests().len();
        work();
        let requests = self.cloud.requests().into_iter().skip(before);
        requests
            .filter(|request| !request.host.starts_with("login."))
            .filter(|request| !request.path.starts_with("/oauth2/"))
            .map(|request| format!("{} {}{}", request.method, request.host, request.path))
            .collect()
    }

    /// Changes the group as another client would: reads it, and puts it back changed.
    fn change_outside(&self, change: impl FnOnce(&mut Value)) {
        let servers = Servers::of(&self.cloud);
        let path = format!("{}/storefront-web", servers.groups_path());
        let mut group = servers.arm(Method::GET, &path, &Value::Null);
        change(&mut group);
        servers.arm(Method::PUT, &path, &group);
    }
}

fn without_digests(text: &str) -> String {
    let digest = Regex::new("sha256:[0-9a-f]{64}").expect("a pattern");
    digest.replace_all(text, "DIGEST").into_owned()
}

fn is_read(request: &str) -> bool {
    ["GET ", "HEAD "].iter().any(|method| request.starts_with(method))
}

#[test]
fn plan_shows_a_creation_and_after_the_run_no_change() {
    let setup = Setup::new(PLAN, false);
    let asked = setup.requests(|| {
        assert_eq!(
            setup.plan(&[], 7),
            "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  + new
  live   container group `storefront-web`  + create
    + cpu       0.5
    + env.LOG   \"info\"
    + image     demo.azurecr.io/web@DIGEST
    + location  westeurope
    + memory    0.5
    + os-type   Linux
Plan: 1 to create. Tags: 1 new.
"
        );
    });
    assert!(!asked.is_empty() && asked.iter().all(|line| is_read(line)), "{asked:#?}");

    setup.shipway(&["run"]).exits(0);
    let asked = setup.requests(|| {
        assert_eq!(
            setup.plan(&[], 0),
            "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  = no change
  live   container group `storefront-web`  = no change
Plan: 1 unchanged.
"
        );
    });
    assert!(asked.iter().all(|line| is_read(line)), "{asked:#?}");

    let asked = setup.requests(|| {
        let again = setup.shipway(&["run"]).exits(0);
        again.says_in_order(&["web.live   no change: it is as the plan says", "web.live   ok"]);
    });
    let of_group: Vec<&String> =
        asked.iter().filter(|line| line.contains("/containerGroups/")).collect();
    assert!(of_group.len() == 1 && is_read(of_group[0]), "{of_group:#?}");
}

#[test]
fn plan_tells_changes_in_place_from_replacements_and_from_changes_made_outside() {
    let setup = Setup::new(PLAN, false);
    setup.shipway(&["run"]).exits(0);

    assert_eq!(
        setup.plan(&["--set", "log=debug"], 7),
        "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  = no change
  live   container group `storefront-web`  ~ update, restarts in place
    ~ env.LOG  \"info\" -> \"debug\"
    (5 unchanged properties hidden)
Plan: 1 to update.
"
    );
    assert_eq!(
        setup.plan(&["--set", "cpu=1"], 7),
        "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  = no change
  live   container group `storefront-web`  -/+ replace, about 40 s without service
    ~ cpu  0.5 -> 1   # forces replacement
    (5 unchanged properties hidden)
Plan: 1 to replace.
"
    );

    setup.change_outside(|group| {
        let variables =
            &mut group["properties"]["containers"][0]["properties"]["environmentVariables"];
        *variables =
            json!([{ "name": "OLD_FLAG", "value": "1" }, { "name": "LOG", "value": "info" }]);
    });
    assert_eq!(
        setup.plan(&["--set", "log=debug"], 7),
        "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  = no change
  live   container group `storefront-web`  ~ update, restarts in place
    ~ env.LOG       \"info\" -> \"debug\"
    - env.OLD_FLAG  \"1\"   not in the plan: changed outside Shipway
    (5 unchanged properties hidden)
Plan: 1 to update. 1 property was changed outside Shipway.
"
    );
    let shown = setup.shipway(&["plan", "--output", "json"]).exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["format"], "1.0");
    assert_eq!(shown["changes"][0]["actions"], json!(["update"]));
    assert_eq!(
        shown["changes"][0]["properties"],
        json!([{
            "path": "env.OLD_FLAG", "before": "1", "after": null, "unknown": false,
            "sensitive": false, "forces-replacement": false, "outside": true,
        }])
    );
    assert_eq!(shown["summary"]["changes"], true);
}

#[test]
fn example_in_the_documents_has_the_keys_of_the_output() {
    let setup = Setup::new(PLAN, false);
    let shown = setup.shipway(&["plan", "--output", "json"]).exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let page = include_str!("../../../docs/plan-output.md");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let example: Value = serde_json::from_str(example.expect("an example")).expect("JSON");
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&example), keys(&shown));
    for part in ["/summary", "/changes/0", "/changes/0/target", "/changes/0/properties/0"] {
        let at = |document: &Value| keys(document.pointer(part).expect("a part"));
        assert_eq!(at(&example), at(&shown), "{part}");
    }
}
