//! `shipway plan`, and deploys that find nothing to do.

use crate::support::cloud_process::CloudProcess;
use crate::support::servers::Servers;
use crate::support::{Finished, Program};
use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

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
fn plan_shows_secrets_as_their_source_and_reads_none() {
    let plan = PLAN
        .replace("services:", "secrets: { db: { env: DATABASE_URL } }\nservices:")
        .replace("LOG: '${{ vars.log }}'", "DATABASE_URL: '${{ secrets.db }}'");
    let mut setup = Setup::new(&plan, true);
    let asked = setup.requests(|| {
        assert_eq!(
            setup.plan(&[], 7),
            "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  + new
  live   container group `storefront-web`  + create
    + cpu                                  0.5
    + env.DATABASE_URL                     (secret db)
    + image                                demo.azurecr.io/web@DIGEST
    + location                             westeurope
    + memory                               0.5
    + os-type                              Linux
    + registries.demo.azurecr.io.password  (the admin user of demo.azurecr.io)
    + registries.demo.azurecr.io.username  demo
Plan: 1 to create. Tags: 1 new.
"
        );
    });
    assert!(asked.iter().all(|line| is_read(line)), "{asked:#?}");

    setup.program = setup.program.env("DATABASE_URL", "postgres://hunter2");
    setup.shipway(&["run"]).exits(0);
    assert_eq!(
        setup.plan(&[], 0),
        "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  = no change
  live   container group `storefront-web`  ~ send secrets again, restarts in place
    ~ env.DATABASE_URL                     (secret db, sent again)
    ~ registries.demo.azurecr.io.password  (the admin user of demo.azurecr.io, sent again)
    (6 unchanged properties hidden)
Plan: 1 unchanged apart from secrets that are sent again.
"
    );
}

#[test]
fn plan_does_not_show_the_plain_value_that_becomes_a_secret() {
    let plain = PLAN.replace("LOG: '${{ vars.log }}'", "DB: 'postgres://hunter2'");
    let setup = Setup::new(&plain, false);
    setup.shipway(&["run"]).exits(0);
    let secret = PLAN
        .replace("services:", "secrets: { db: { env: DATABASE_URL } }\nservices:")
        .replace("LOG: '${{ vars.log }}'", "DB: '${{ secrets.db }}'");
    std::fs::write(setup.program.path("shipway.yml"), secret).expect("a plan");

    let shown = setup.plan(&[], 7);
    assert!(shown.contains("    ~ env.DB  (a plain value) -> (secret db)\n"), "{shown}");
    let json = setup.shipway(&["plan", "--output", "json"]).exits(0).stdout;
    assert!(!(shown + &json).contains("hunter2"), "{json}");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let property = &json["changes"][0]["properties"][0];
    assert_eq!((&property["path"], &property["sensitive"]), (&json!("env.DB"), &json!(true)));
    assert_eq!((&property["before"], &property["after"]), (&Value::Null, &Value::Null));
}

#[test]
fn plan_names_what_a_rollback_could_not_put_back() {
    let with = |secret: &str, cpu: &str| {
        PLAN.replace("services:", "secrets: { db: { env: DATABASE_URL } }\nservices:")
            .replace("LOG: '${{ vars.log }}'", secret)
            .replace("${{ vars.cpu }}", cpu)
            .replace("memory: 0.5GB", "memory: 0.5GB\n            on-failure: rollback")
    };
    let mut setup = Setup::new(&with("DB: '${{ secrets.db }}'", "0.5"), false);
    setup.program = setup.program.env("DATABASE_URL", "postgres://hunter2");
    setup.shipway(&["run"]).exits(0);
    let write = |plan: String| {
        std::fs::write(setup.program.path("shipway.yml"), plan).expect("a plan");
    };

    write(with("LOG: debug", "1"));
    let shown = setup.plan(&[], 7);
    assert!(
        shown.contains(
            "    ! a rollback could not put the version before back, because the plan does not \
             have the secure value `DB` of container `storefront-web`\n    \
             ! a rollback would have to delete the group and create it again, because the deploy \
             changes `cpu` from 0.5 to 1\n"
        ),
        "{shown}"
    );
    let shown = setup.shipway(&["plan", "--output", "json"]).exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let obstacles = shown["changes"][0]["rollback-obstacles"].as_array().expect("a list");
    assert_eq!(obstacles.len(), 2, "{obstacles:#?}");

    write(with("LOG: debug, DB: '${{ secrets.db }}'", "0.5"));
    let shown = setup.plan(&[], 7);
    assert!(!shown.contains("a rollback"), "{shown}");
}

#[test]
fn plan_names_what_it_cannot_foresee() {
    let plan = "\
name: storefront
azure: { resource-group: demo, location: westeurope }
steps:
  - id: version
    run: echo name=v2 >> \"$SHIPWAY_OUTPUT\"
  - build: .
  - tag: demo.azurecr.io/web:v1
  - push:
  - deploy: { aci: { name: storefront-web, memory: 0.5GB, cpu: 0.5 } }
  - verify: http://localhost/${{ steps.version.outputs.name }}
  - run: ./announce
    if: git.branch == 'main'
";
    let setup = Setup::new(plan, false);
    let setup = Setup { program: setup.program.file("Dockerfile", "FROM scratch\n"), ..setup };
    let asked = setup.requests(|| {
        assert_eq!(
            setup.plan(&[], 7),
            "\
storefront
  version  `echo name=v2 >> \"$SHIPWAY_OUTPUT\"`, not predicted
  build    built from a Dockerfile
  tag      demo.azurecr.io/web:v1
  push     demo.azurecr.io/web:v1  + new
  deploy   container group `storefront-web`  + create
    + cpu       0.5
    + image     (known after build)
    + location  westeurope
    + memory    0.5
    + os-type   Linux
  verify   (known after `version`)
  run      skipped: its `if` is false
Plan: 1 to create. Tags: 1 new.
"
        );
    });
    assert!(asked.iter().all(|line| is_read(line)), "{asked:#?}");
    assert_eq!(
        setup.requests(|| {
            let shown = setup.plan(&["--offline"], 0);
            assert!(shown.contains("  deploy   container group `storefront-web`  not compared\n"));
            assert!(shown.ends_with("Plan: 1 not compared.\n"), "{shown}");
        }),
        Vec::<String>::new()
    );
}

#[test]
fn plan_names_the_commit_that_replaces_another() {
    let setup = Setup::new(PLAN, false);
    let git = |arguments: &[&str]| {
        let all = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        command.args(all).args(arguments).current_dir(setup.program.folder());
        let output = command.output().expect("git is installed");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    let first = git(&["rev-parse", "--short=7", "HEAD"]);
    setup.shipway(&["run"]).exits(0);

    let plan = PLAN.replace("'600'", "'601'");
    std::fs::write(setup.program.path("shipway.yml"), plan).expect("a plan");
    git(&["commit", "-q", "-a", "-m", "two"]);
    let second = git(&["rev-parse", "--short=7", "HEAD"]);
    assert_eq!(
        setup.plan(&[], 7),
        format!(
            "\
web
  build  DIGEST, built from layers
  tag    demo.azurecr.io/web:v1
  push   demo.azurecr.io/web:v1  ~ moves from DIGEST to DIGEST
  live   container group `storefront-web`  ~ update, restarts in place
    ~ image  demo.azurecr.io/web@DIGEST -> demo.azurecr.io/web@DIGEST   \
             (commit {first} -> {second})
    (5 unchanged properties hidden)
Plan: 1 to update. Tags: 1 moved.
"
        )
    );
}

#[test]
fn example_in_the_documents_has_the_keys_of_the_output() {
    let setup = Setup::new(PLAN, false);
    let shown = setup.shipway(&["plan", "--output", "json"]).exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let page = include_str!("../../docs/plan-output.md");
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

#[test]
fn saved_plan_is_run_as_long_as_nothing_has_changed() {
    let setup = Setup::new(PLAN, false);
    setup.shipway(&["plan", "--set", "log=debug", "--save", "plan.json"]).exits(0);
    let file = setup.program.path("plan.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&file).expect("a file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let again = setup.program.path("again.json");
    let (plan, again_name) = (["plan", "--set", "log=debug", "--save"], "again.json");
    setup.shipway(&[&plan[..], &[again_name]].concat()).exits(0);
    let text = |file| std::fs::read_to_string(file).expect("a file");
    assert_eq!(text(&file), text(&again), "the same inputs give the same file");

    setup.shipway(&["run", "--plan", "plan.json"]).exits(0);
    // It ran with the options of the file.
    assert_eq!(setup.plan(&["--set", "log=debug"], 0).lines().last(), Some("Plan: 1 unchanged."));

    let refused = setup.shipway(&["run", "--plan", "plan.json"]).exits(3);
    let cloud = setup.cloud.path.display().to_string();
    let refused = without_digests(&refused.stderr).replace(&cloud, "CLOUD");
    assert_eq!(
        refused,
        "error: `plan.json` was not run, because something has changed since\n  \
         because: `storefront-web` exists meanwhile\n  \
         because: `demo.azurecr.io/web:v1` names DIGEST, and named no image\n  \
         help: nothing was done; `shipway plan --save plan.json --set log=debug --cloud CLOUD` plans again\n"
    );
}

#[test]
fn saved_plan_is_refused_when_sources_or_the_live_group_changed() {
    let setup = Setup::new(PLAN, false);
    setup.shipway(&["run"]).exits(0);
    setup.shipway(&["plan", "--set", "log=debug", "--save", "plan.json"]).exits(0);
    let before = setup.cloud.requests().len();
    std::fs::write(setup.program.path("shipway.yml"), PLAN.replace("'600'", "'601'"))
        .expect("a file");
    setup.change_outside(|group| {
        let container = &mut group["properties"]["containers"][0]["properties"];
        container["environmentVariables"] = json!([{ "name": "LOG", "value": "trace" }]);
    });
    let changed = setup.cloud.requests().len();

    let refused = setup.shipway(&["run", "--plan", "plan.json"]).exits(3);

    let cloud = setup.cloud.path.display().to_string();
    let refused = without_digests(&refused.stderr).replace(&cloud, "CLOUD");
    assert_eq!(
        refused,
        "error: `plan.json` was not run, because something has changed since\n  \
         because: `shipway.yml` was changed\n  \
         because: `storefront-web` was changed or deployed meanwhile\n  \
         because: the image of `web.build` is DIGEST, and was DIGEST\n  \
         because: `web.push` would do something else\n  \
         help: nothing was done; `shipway plan --save plan.json --set log=debug --cloud CLOUD` plans again\n"
    );
    let requests = &setup.cloud.requests()[changed..];
    assert!(changed > before);
    let is_read = |method: &str| ["GET", "HEAD"].contains(&method);
    let wrote = requests.iter().filter(|one| !is_read(&one.method) && !one.path.contains("oauth2"));
    assert_eq!(
        wrote.map(|one| format!("{} {}", one.method, one.path)).collect::<Vec<_>>(),
        [""; 0]
    );
}

#[test]
fn plan_that_was_saved_for_a_local_cloud_is_refused_without_one() {
    let setup = Setup::new(PLAN, true);
    setup.shipway(&["plan", "--save", "plan.json"]).exits(0);

    let refused = setup.program.run(&["run", "--plan", "plan.json"]).exits(2);

    assert_eq!(
        refused.stderr,
        "error: `plan.json` was saved for a local cloud, and none is named\n  help: add `--cloud \
         FILE`, as it was given to `shipway plan --save`\n"
    );
}

#[test]
fn saved_plan_that_cannot_be_read_or_has_other_options_is_refused() {
    let program =
        Program::with_plan(PLAN).file("plan.json", "{}").file("new.json", "{\"format\":\"2\"}");
    let refused = |arguments: &[&str]| program.run(arguments).exits(2).stderr;
    assert_eq!(
        refused(&["run", "--plan", "plan.json"]),
        "error: cannot read the saved plan `plan.json`\n  because: it is no plan that `shipway plan --save` wrote: \
         missing field `format`\n  help: `shipway plan --save FILE` saves one\n"
    );
    assert_eq!(
        refused(&["run", "--plan", "new.json"]),
        "error: cannot read the saved plan `new.json`\n  because: it has format 2, and this version of Shipway \
         reads 1\n  help: `shipway plan --save FILE` saves one\n"
    );
    std::os::unix::fs::symlink("/dev/zero", program.path("zero.json")).expect("a link");
    assert_eq!(
        refused(&["run", "--plan", "zero.json"]),
        "error: cannot read the saved plan `zero.json`\n  because: it is no file\n  \
         help: `shipway plan --save FILE` saves one\n"
    );
    assert_eq!(
        refused(&["run", "--plan", "shipway.yml"]),
        "error: cannot read the saved plan `shipway.yml`\n  because: it is a plan that is run, and none that \
         `shipway plan --save` wrote\n  help: `shipway run shipway.yml` runs it\n"
    );
    assert_eq!(
        refused(&["run", "--plan", "plan.json", "--set", "log=debug"]),
        "error: `--plan` has the options of a run in its file\n  help: give them to `shipway plan --save` \
         instead\n"
    );
}

#[test]
fn plan_tells_whether_the_files_of_a_dockerfile_have_changed() {
    let layers = "          layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
          entrypoint: [/bin/busybox, sleep, '600']
";
    let plan = PLAN.replace(layers, "          context: .\n          using: native\n");
    let dockerfile = "FROM scratch
COPY busybox /bin/busybox
ENTRYPOINT [\"/bin/busybox\", \"sleep\", \"600\"]
";
    let Setup { program, cloud } = Setup::new(&plan, false);
    let program = program.file("Dockerfile", dockerfile).file(".gitignore", ".shipway\n");
    let setup = Setup { program: program.committed(), cloud };
    let build = || {
        let text = setup.shipway(&["plan"]).exits(0).stdout;
        let line = text.lines().find_map(|line| line.strip_prefix("  build  "));
        line.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let from = "built from a Dockerfile";
    assert_eq!(build(), from);

    setup.shipway(&["run"]).exits(0);
    let commit = setup.program.git(&["rev-parse", "HEAD"]);
    let since = |what: &str| format!("{from}, {what} since commit {}", &commit[..7]);
    assert_eq!(build(), since("none of its files has changed"));
    std::fs::write(setup.program.path("page"), "one").expect("a file");
    assert_eq!(build(), since("1 of its files has changed"));
    std::fs::write(setup.program.path("Dockerfile"), format!("{dockerfile}USER 1\n"))
        .expect("a file");
    setup.program.git(&["commit", "--quiet", "--all", "--message=two"]);
    assert_eq!(build(), since("2 of its files have changed"));
    let shown = setup.shipway(&["plan", "--output", "json"]).exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["steps"][0]["changed"], json!({ "since": commit, "files": 2 }));
}

#[test]
fn saving_a_plan_overwrites_nothing_but_a_saved_plan() {
    let setup = Setup::new(PLAN, false);
    for _ in 0..2 {
        setup.shipway(&["plan", "--save", "saved.json"]).exits(0);
    }
    let refused = setup.shipway(&["plan", "--save", "shipway.yml"]).exits(3);
    let why = "error: cannot save the plan in `shipway.yml`\n  because: it is there and is no \
               saved plan; it would be overwritten\n";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    let text = std::fs::read_to_string(setup.program.path("shipway.yml")).expect("the plan");
    assert_eq!(text, PLAN);
}
