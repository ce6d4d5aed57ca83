//! Workflows with the GitHub action, in `act`.

use crate::act::{Act, repository, stand_ins};
use crate::support::cloud_process::CloudProcess;
use crate::support::{Program, eventually};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const JOB: &str = "\
on: push
jobs:
  ship:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: ship
        uses: ./
        with:
          command: dry-run
          plan: workflows/hello/shipway.yml
      - env:
          URL: ${{ steps.ship.outputs.url }}
          IMAGE: ${{ steps.ship.outputs.image }}
          STATUS: ${{ steps.ship.outputs.status }}
        run: |
          echo \"the url is <$URL>\"
          echo \"the status is <$STATUS>\"
          echo \"the image is <${IMAGE%@*}>\"
";

/// With a folder of `workflows/` at its place.
fn with_example(program: Program, name: &str, files: &[&str]) -> Program {
    let to = program.path(&format!("workflows/{name}"));
    fs::create_dir_all(&to).expect("a folder");
    for file in files {
        let from = repository().join("workflows").join(name).join(file);
        fs::copy(from, to.join(file)).expect("copied");
    }
    program
}

/// A workflow of `workflows/`, with the action of the checkout.
fn workflow(path: &str) -> String {
    let text = fs::read_to_string(repository().join("workflows").join(path)).expect("a workflow");
    assert!(text.contains("uses: OWNER/shipway@COMMIT"));
    text.replace("OWNER/shipway@COMMIT", "./")
}

fn payload(head: &str, action: &str) -> Value {
    let repository = json!({ "full_name": "octo/demo", "default_branch": "main" });
    json!({
        "action": action, "number": 7, "repository": repository,
        "pull_request": {
            "number": 7, "user": { "login": "ada" }, "draft": false,
            "state": if action == "closed" { "closed" } else { "open" },
            "head": { "ref": "topic", "sha": head, "repo": repository },
            "base": { "ref": "main", "sha": head, "repo": repository },
        },
    })
}

/// A cloud with a pull request, and what a plan needs.
fn cloud(act: &Act, group: &str, registry: &str) -> CloudProcess {
    let head = act.program.git(&["rev-parse", "HEAD"]);
    CloudProcess::start(json!({
        "resource-groups": [{ "name": group, "location": "westeurope" }],
        "registries": [{
            "host": format!("{registry}.azurecr.io"), "name": registry, "resource-group": group,
            "admin-user": true,
        }],
        "github": {
            "repository": "octo/demo",
            "pull-request": {
                "number": 7, "head-sha": head, "head-ref": "topic", "base-ref": "main",
            },
        },
    }))
}

#[test]
fn act_runs_the_action_and_sees_the_url() {
    let program = Program::new().file(".github/workflows/ship.yml", JOB);
    let act = Act::new(with_example(program, "hello", &["shipway.yml", "server.rs"]));
    let said = act.run("push", None, &[]);
    for line in [
        "the url is <http://shipway-hello.westeurope.azurecontainer.io>",
        "the status is <succeeded>",
        "the image is <shipwayhello.azurecr.io/hello>",
    ] {
        assert!(said.contains(line), "no `{line}` in\n{said}");
    }
}

#[test]
fn act_runs_the_life_of_a_preview() {
    let text = workflow("preview/github-workflow.yml");
    let with = "          working-directory: workflows/preview # yours: the folder of shipway.yml, or \
                leave it out\n";
    assert!(text.contains(with));
    // The file of the cloud is known to the job by a variable.
    let text = text.replace(with, &format!("{with}          cloud: ${{{{ env.CLOUD }}}}\n"));
    let program = Program::new().file(".github/workflows/preview.yml", &text);
    let act =
        Act::new(with_example(program, "preview", &["shipway.yml", "server.rs", ".gitignore"]));
    let cloud = cloud(&act, "previews", "shipwaypreviews");
    let head = act.program.git(&["rev-parse", "HEAD"]);
    let file = cloud.path.display().to_string();
    let run = |action: &str| {
        act.run("pull_request", Some(&payload(&head, action)), &[("CLOUD", &file)]);
        let all = cloud.comments();
        let [comment] = all.as_slice() else { panic!("{all:#?}") };
        comment.clone()
    };

    let opened = run("opened");
    assert!(opened.contains("### preview: ✅ succeeded"), "{opened}");
    assert!(opened.contains("-pr-7-") && opened.contains(".azurecontainer.io"), "{opened}");
    let again = run("synchronize");
    assert!(again.contains("### preview: ✅ succeeded"), "{again}");
    let closed = run("closed");
    assert!(closed.contains("Pull request 7 was closed."), "{closed}");
    let reopened = run("reopened");
    assert!(reopened.contains("### preview: ✅ succeeded"), "{reopened}");
}

/// A service that is up when its check has a chance to run, and the program before the check,
/// which runs until it is ended.
const SLOW: &str = "\
name: slow
azure: { resource-group: demo, location: westeurope }
registries: { demo.azurecr.io: { pull: anonymous } }
report: [comment, deployment]
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /]
  - tag: demo.azurecr.io/slow:v1
  - push:
  - deploy: { aci: { dns-label: slow-demo, ports: [80] } }
  - run: echo \"$$\" > process; touch waits; exec sleep 600
  - verify: /bin/busybox
";

/// The tags of the container group.
fn tags(cloud: &CloudProcess) -> Value {
    let path = cloud.state().join("arm/resources.json");
    let text = fs::read_to_string(path).unwrap_or_else(|_| "null".to_owned());
    let content: Value = serde_json::from_str(&text).expect("JSON");
    content["container-groups"]["demo/slow-demo"]["body"]["tags"].clone()
}

/// act kills the process that it has started for the step, and removes what was checked out.
#[test]
fn job_that_is_cancelled_in_act_leaves_no_lease_and_no_process_and_says_so() {
    let job = "\
on: pull_request
jobs:
  ship:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./
        with: { plan: shipway.yml, cloud: '${{ env.CLOUD }}', state-dir: '${{ env.STATE }}' }
";
    let shared = tempfile::tempdir().expect("a folder");
    let file = |name: &str| shared.path().join(name);
    let plan = SLOW
        .replace("> process", &format!("> {}", file("process").display()))
        .replace("touch waits", &format!("touch {}", file("waits").display()));
    let program = Program::with_plan(&plan).applets().file(".github/workflows/ship.yml", job);
    let act = Act::new(program);
    let cloud = CloudProcess::start(json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{
            "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
            "anonymous-pull": true,
        }],
        "github": {
            "repository": "octo/demo",
            "pull-request": {
                "number": 7, "head-sha": act.program.git(&["rev-parse", "HEAD"]),
                "head-ref": "topic", "base-ref": "main",
            },
        },
    }));
    let head = act.program.git(&["rev-parse", "HEAD"]);
    let (at, state) = (cloud.path.display().to_string(), file("state").display().to_string());
    let variables = [("CLOUD", at.as_str()), ("STATE", state.as_str())];
    let mut started = act.start("pull_request", &payload(&head, "opened"), &variables);
    eventually("the run waits", || file("waits").exists().then_some(()));
    assert!(tags(&cloud)["shipway-lease"].is_string(), "{}", tags(&cloud));

    assert!(!started.cancel().success(), "{}", started.said());

    let comment = eventually("the run has reported", || cloud.comments().pop());
    assert!(comment.contains("### slow: ⏹ cancelled"), "{comment}");
    eventually("the lease is given up", || tags(&cloud)["shipway-lease"].is_null().then_some(()));
    let process = fs::read_to_string(file("process")).expect("written");
    let process = Path::new("/proc").join(process.trim());
    eventually("the program of the step has ended", || (!process.exists()).then_some(()));
    eventually("the run has ended", || {
        let run = fs::read_dir(file("state").join("runs")).ok()?.flatten().next()?;
        let end = fs::read_to_string(run.path().join("result.json")).ok()?;
        let end: Value = serde_json::from_str(&end).ok()?;
        (end["status"] == "cancelled").then_some(())
    });
}

/// A plan of services, the second half of which needs the first.
fn many(services: usize) -> String {
    let half = services / 2;
    let service = |at: usize| {
        let needs = if at < half { String::new() } else { format!("s{}", at - half) };
        format!("  s{at}:\n    needs: [{needs}]\n    steps: [{{ run: 'true' }}]\n")
    };
    let services: String = (0..services).map(service).collect();
    format!("name: many\nreport: [comment]\nservices:\n{services}")
}

/// A line of the table of services, without its time.
fn rows(comment: &str) -> Vec<String> {
    let rows = comment.lines().filter(|line| line.starts_with("| `s"));
    rows.map(|row| row.rsplit_once(" | ").expect("cells").0.to_owned()).collect()
}

#[test]
fn act_runs_two_hundred_services_in_twenty_jobs_as_on_one_machine() {
    let plan_input = "          plan: ${{ inputs.plan }}\n";
    let text = workflow("many-runners/github-workflow.yml")
        .replace(plan_input, &format!("{plan_input}          cloud: ${{{{ env.CLOUD }}}}\n"))
        // `matrix` asks no cloud.
        .replacen("          cloud: ${{ env.CLOUD }}\n", "", 1);
    let call = "on: pull_request\njobs:\n  ship:\n    uses: ./.github/workflows/many-runners.yml\n    with: { jobs: 10 }\n";
    let program = Program::with_plan(&many(200))
        .file(".gitignore", ".shipway\n")
        .file(".github/workflows/many-runners.yml", &text)
        .file(".github/workflows/ship.yml", call);
    let act = Act::new(program).with_options(stand_ins(&text));
    let cloud = cloud(&act, "many", "shipwaymany");
    let head = act.program.git(&["rev-parse", "HEAD"]);
    let event = payload(&head, "opened");
    let artifacts = tempfile::tempdir().expect("a folder");
    let (file, folder) = (cloud.path.display().to_string(), artifacts.path().display().to_string());
    let variables = [("CLOUD", file.as_str()), ("ARTIFACTS", &folder), ("GITHUB_RUN_ID", "9")];
    act.run("pull_request", Some(&event), &variables);
    let jobs = fs::read_dir(artifacts.path().join("9")).expect("artifacts").count();
    assert_eq!(jobs, 20);

    let one = tempfile::tempdir().expect("a folder");
    on_one_machine(act, &event, one.path(), &file);
    let all = cloud.comments();
    let [divided, alone] = all.as_slice() else { panic!("{all:#?}") };
    assert!(divided.contains("### many: ✅ succeeded"), "{divided}");
    assert_eq!(rows(divided).len(), 200);
    assert_eq!(rows(divided), rows(alone));
}

/// Runs the whole plan, with a comment of its own.
fn on_one_machine(act: Act, event: &Value, state: &Path, cloud: &str) {
    let head = act.program.git(&["rev-parse", "HEAD"]);
    let program = act.program.in_actions("pull_request", event).env("GITHUB_SHA", &head);
    let state = state.display().to_string();
    let key = ["--comment-key", "one", "--state-dir", &state, "--cloud", cloud];
    program.run(&[&["run"][..], &key].concat()).exits(0);
}
