//! What `plan` foresees, and what it cannot.

use super::{PLAN, Setup, is_read};
use serde_json::{Value, json};
use std::process::Command;

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
