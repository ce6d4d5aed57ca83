//! What a run in a workflow reports at GitHub and in its files, however it ends.

use crate::support::state::{journal, result};
use crate::support::{Finished, Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use shipway::testing::local::RequestLog;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

const HEAD: &str = "4387e9f3d6e14c459867679a90fd0f7912345678";

const PLAN: &str = "\
name: shop
secrets: { token: { env: THE_TOKEN } }
report: [comment, status, summary]
steps:
  - run: 'true'
    env: { TOKEN: '${{ secrets.token }}' }
";

/// A step of a workflow for pull request 7, whose GitHub is a local one.
pub struct Workflow {
    cloud: Cloud,
    program: Program,
}

/// A local cloud in a process of its own, which can run containers.
struct Cloud {
    process: Child,
    folder: PathBuf,
}

impl Cloud {
    fn start(program: &Program, world: &Value) -> Self {
        let folder = program.path("cloud");
        fs::create_dir(&folder).expect("a folder can be made");
        fs::write(folder.join("world.json"), world.to_string()).expect("a file can be written");
        let arguments = [
            "local",
            "--state",
            "cloud",
            "--world",
            "cloud/world.json",
            "--cloud",
            "cloud/cloud.json",
            "--until-stdin-ends",
        ];
        let mut command = program.command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("the program starts");
        eventually("the cloud is up", || folder.join("cloud.json").exists().then_some(()));
        Self { process, folder }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().expect("the cloud ends");
    }
}

impl Workflow {
    pub fn new(plan: &str) -> Self {
        Self::with_faults(plan, &json!([]))
    }

    /// With a registry from which anyone may pull.
    pub fn with_anonymous_pulls(plan: &str) -> Self {
        Self::in_world(plan, &json!([]), true)
    }

    fn with_faults(plan: &str, faults: &Value) -> Self {
        Self::in_world(plan, faults, false)
    }

    fn in_world(plan: &str, faults: &Value, anonymous_pull: bool) -> Self {
        let pull = json!({
            "number": 7, "head-sha": HEAD, "head-ref": "topic", "base-ref": "main",
        });
        let world = json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "admin-user": true, "anonymous-pull": anonymous_pull,
            }],
            "github": {"repository": "octo/demo", "token": "ghs_local", "pull-request": pull},
            "faults": faults,
            "runtime": "built-in",
        });
        let program = Program::with_plan(plan).applets();
        let cloud = Cloud::start(&program, &world);
        Self { program: in_workflow(program), cloud }
    }

    pub fn plan(&self, text: &str) -> &Self {
        fs::write(self.program.path("shipway.yml"), text).expect("a file can be written");
        self
    }

    pub fn run(&self, arguments: &[&str]) -> Finished {
        for name in ["output", "summary"] {
            fs::write(self.program.path(name), "").expect("a file can be written");
        }
        self.program.run(&[&["run", "--cloud", "cloud/cloud.json"], arguments].concat())
    }

    /// What GitHub holds.
    pub fn github(&self) -> Value {
        let text = fs::read_to_string(self.cloud.folder.join("github.json")).expect("a record");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The requests to GitHub since the last time, `METHOD path`.
    pub fn asked(&self, known: &mut usize) -> Vec<String> {
        let log = RequestLog::read(&self.cloud.folder.join("requests.jsonl")).expect("a log");
        let to_github = log.iter().filter(|request| request.host.starts_with("api.github.com"));
        let all: Vec<String> =
            to_github.map(|request| format!("{} {}", request.method, request.path)).collect();
        let new = all[*known..].to_vec();
        *known = all.len();
        new
    }

    /// The only comment, without its last line, which names the run.
    fn comment(&self) -> String {
        let github = self.github();
        let comments = github["comments"].as_array().expect("a list");
        assert_eq!(comments.len(), 1, "{github:#}");
        let body = comments[0]["body"].as_str().expect("text");
        body.split("\n<sub>").next().expect("a part").to_owned()
    }

    /// The newest status of the commit.
    fn status(&self) -> String {
        let github = self.github();
        let status = github["statuses"].as_array().and_then(|all| all.last()).expect("a status");
        let text = |name: &str| status[name].as_str().expect("text").to_owned();
        format!("{} {}: {}", text("context"), text("state"), text("description"))
    }

    /// Each deployment: its environment and its states.
    fn deployments(&self) -> Vec<String> {
        let github = self.github();
        let states = |one: &Value| -> Vec<String> {
            let all = one["statuses"].as_array().expect("a list").iter();
            all.map(|status| status["state"].as_str().expect("text").to_owned()).collect()
        };
        let shown = |one: &Value| {
            let environment = one["environment"].as_str().expect("text");
            format!("{environment}: {}", states(one).join(", "))
        };
        github["deployments"].as_array().expect("a list").iter().map(shown).collect()
    }

    /// An output of the step.
    fn output(&self, name: &str) -> String {
        let text = fs::read_to_string(self.program.path("output")).expect("outputs");
        let mut lines = text.lines();
        lines.find(|line| line.starts_with(&format!("{name}<<"))).expect("the output");
        lines.next().expect("its value").to_owned()
    }
}

fn in_workflow(program: Program) -> Program {
    let repository = json!({"full_name": "octo/demo"});
    let event = json!({
        "action": "opened", "number": 7,
        "pull_request": {
            "number": 7, "user": {"login": "ada"},
            "head": {"ref": "topic", "sha": HEAD, "repo": repository},
            "base": {"ref": "main", "sha": HEAD, "repo": repository},
        },
        "repository": repository,
    });
    program
        // What git's own files say is checked out, where git does not answer.
        .file(".git/HEAD", HEAD)
        .file("event.json", &event.to_string())
        .file("output", "")
        .file("summary", "")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "octo/demo")
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", "event.json")
        .env("GITHUB_OUTPUT", "output")
        .env("GITHUB_STEP_SUMMARY", "summary")
}

/// The warnings and errors that GitHub shows.
fn annotations(finished: &Finished) -> Vec<&str> {
    let is_one = |line: &&str| line.starts_with("::error") || line.starts_with("::warning");
    finished.stderr.lines().filter(is_one).collect()
}

#[test]
fn missing_secret_replaces_the_check_mark_of_an_earlier_run() {
    let workflow = Workflow::new(PLAN);
    let set = Workflow { program: workflow.program.env("THE_TOKEN", "hunter22"), ..workflow };
    set.run(&[]).exits(0);
    assert!(set.comment().contains("### shop: ✅ succeeded\n"), "{}", set.comment());
    assert_eq!(set.status(), "shipway/shop success: shop succeeded");

    let unset = Workflow { program: set.program.env("THE_TOKEN", ""), ..set };
    let finished = unset.run(&[]).exits(3);
    assert_eq!(
        unset.comment(),
        "<!-- shipway key=shop// -->
### shop: ❌ failed, nothing was changed

What an earlier run deployed is as it was.

```text
cannot find the secret `token`: `THE_TOKEN` is empty
```

**What to do:** a local cloud has placeholders for the secrets of vaults alone: set this one with `export THE_TOKEN=placeholder`
"
    );
    assert_eq!(
        unset.status(),
        "shipway/shop failure: nothing was changed: cannot find the secret `token`: `THE_TOKEN` is empty"
    );
    assert_eq!(
        annotations(&finished),
        [
            "::error title=shop was not run::cannot find the secret `token`: `THE_TOKEN` is empty%0Ahelp: a local cloud has placeholders for the secrets of vaults alone: set this one with `export THE_TOKEN=placeholder`"
        ]
    );
    let summary = fs::read_to_string(unset.program.path("summary")).expect("a summary");
    assert!(summary.starts_with("### shop: ❌ failed, nothing was changed\n"), "{summary}");
    assert_eq!(unset.output("status"), "failed");
    let result = fs::read_to_string(unset.output("result")).expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    assert_eq!((&result["status"], &result["exit-code"]), (&json!("failed"), &json!(3)));
    assert_eq!(
        result["refusals"][0]["chain"][0],
        "cannot find the secret `token`: `THE_TOKEN` is empty"
    );
}

#[test]
fn mistake_in_the_plan_replaces_the_check_mark_of_an_earlier_run() {
    let workflow = Workflow::new(&PLAN.replace("THE_TOKEN", "HOME"));
    workflow.run(&[]).exits(0);
    let wrong = PLAN.replace("run:", "rum:");
    let finished = workflow.plan(&wrong).run(&[]).exits(2);

    assert_eq!(
        annotations(&finished),
        [
            "::error title=shop was not run,file=shipway.yml,line=5,col=5::a step has no key `rum`%0Ahelp: did you mean `run`?",
        ]
    );
    assert_eq!(
        workflow.comment(),
        "<!-- shipway key=shop// -->
### shop: ❌ failed, nothing was changed

What an earlier run deployed is as it was.

**`shipway.yml:5:5`**

```text
a step has no key `rum`
```

<details><summary>Details</summary>

```text
error[unknown-key]: a step has no key `rum`
 --> shipway.yml:5:5
  |
5 |   - rum: 'true'
  |     ^^^
  |
  = help: did you mean `run`?
```

</details>

**What to do:** did you mean `run`?
"
    );
    assert_eq!(
        workflow.status(),
        "shipway/shop failure: nothing was changed: a step has no key `rum`"
    );
    assert_eq!(workflow.output("status"), "failed");
    let result = fs::read_to_string(workflow.output("result")).expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    assert_eq!(result["refusals"][0]["place"]["line"], 5);
}

#[test]
fn comment_that_cannot_be_found_without_plan_or_environment_is_named() {
    let workflow = Workflow::new("name: shop\nsteps: [\n");
    let finished = workflow.run(&[]).exits(2);
    assert_eq!(
        annotations(&finished),
        [
            "::warning::the comment was not made: the plan cannot be read, so it is not known which comment is its own",
            "::error title=shipway.yml was not run,file=shipway.yml,line=2,col=8::`[` is not closed%0Ahelp: put `]` where the list ends",
        ]
    );
    assert_eq!(workflow.output("status"), "failed");

    let broken = "name: shop\nenvironments: { live: { iff: 'true' } }\nsteps: [{ run: 'true' }]\n";
    let finished = workflow.plan(broken).run(&[]).exits(2);
    let warning = "::warning::the comment was not made: no environment could be chosen, so it is not known which comment is its own";
    assert_eq!(annotations(&finished)[0], warning);

    workflow.plan("name: shop\nenvironments: { live: { if: 'true' } }\nsteps: [{ run: 'true' }]\n");
    let finished = workflow.run(&["--env", "life"]).exits(2);
    assert_eq!(
        annotations(&finished),
        [
            "::warning::the comment was not made: no environment could be chosen, so it is not known which comment is its own",
            "::error title=shop was not run::there is no environment `life`%0Ahelp: did you mean `live`?",
        ]
    );
}

/// The heading of each comment, by its marker.
fn headings(workflow: &Workflow) -> Vec<String> {
    let github = workflow.github();
    let comments = github["comments"].as_array().expect("a list").iter();
    let heading = |comment: &Value| {
        let body = comment["body"].as_str().expect("text");
        body.lines().take(2).collect::<Vec<_>>().join(" ")
    };
    comments.map(heading).collect()
}

/// A plan of which each run is in one of these environments.
fn in_environments(environments: &str, step: &str) -> String {
    format!("name: shop\nenvironments: {{ {environments} }}\nsteps: [{{ {step} }}]\n")
}

const PUSH: &str = "build: { layers: [] } }, { tag: 'demo.azurecr.io/shop:v1' }, { push:";

#[test]
fn run_without_an_environment_replaces_the_check_mark_of_the_only_earlier_one() {
    let harmless = in_environments("live: { if: 'true' }", "run: 'true'");
    let refused = "<!-- shipway key=shop/live/ --> ### shop: ❌ failed, nothing was changed";

    let workflow = Workflow::new(&harmless);
    workflow.run(&[]).exits(0);
    assert_eq!(headings(&workflow), ["<!-- shipway key=shop/live/ --> ### shop: ✅ succeeded"]);
    workflow.run(&["--env", "life"]).exits(2);
    assert_eq!(headings(&workflow), [refused]);

    workflow.run(&[]).exits(0);
    let unmatched = in_environments("live: { if: github.event_name == 'push' }", PUSH);
    let finished = workflow.plan(&unmatched).run(&[]).exits(2);
    assert_eq!(
        annotations(&finished),
        [
            "::error title=shop was not run::no environment matches this run, and its steps push or deploy%0Ahelp: `live` needs `github.event_name == 'push'`, or `--env live`"
        ]
    );
    assert_eq!(headings(&workflow), [refused]);
}

#[test]
fn success_in_an_environment_replaces_the_comment_of_a_run_without_one() {
    let refused = in_environments("live: { if: github.event_name == 'push' }", PUSH);
    let workflow = Workflow::new(&refused);
    workflow.run(&[]).exits(2);
    assert_eq!(
        headings(&workflow),
        ["<!-- shipway key=shop// --> ### shop: ❌ failed, nothing was changed"]
    );

    workflow.plan(&in_environments("live: { if: 'true' }", "run: 'true'")).run(&[]).exits(0);
    assert_eq!(headings(&workflow), ["<!-- shipway key=shop/live/ --> ### shop: ✅ succeeded"]);
}

#[test]
fn commit_of_a_run_of_which_no_step_applies_waits_for_nothing() {
    let plan = "name: idle
report: [comment, status]
steps: [{ run: 'true', if: 'false' }]
";
    let workflow = Workflow::new(plan);
    workflow.run(&[]).exits(0);
    assert_eq!(workflow.status(), "shipway/idle success: idle skipped: no step applies");
    assert!(workflow.comment().contains("### idle: ⏭ skipped\n"), "{}", workflow.comment());
    assert_eq!(workflow.output("status"), "skipped");
}

#[test]
fn commit_of_a_run_that_was_left_unfinished_stays_pending() {
    let plan = "name: shop\nreport: status\nsteps:\n  - { id: test, run: 'true' }\n  - build: { layers: [] }\n  - tag: demo.azurecr.io/shop:v1\n  - push:\n";
    let workflow = Workflow::new(plan);
    workflow.run(&["--until", "build"]).exits(0);
    assert_eq!(
        workflow.status(),
        "shipway/shop pending: shop skipped, not pushed: left out by `--until build`"
    );
    workflow.run(&["--until", "nothing"]).exits(2);
    assert!(workflow.status().starts_with("shipway/shop failure: "), "{}", workflow.status());
    workflow.run(&[]).exits(0);
    assert_eq!(workflow.status(), "shipway/shop success: shop succeeded");
}

#[test]
fn commit_status_of_a_run_of_some_services_is_their_own() {
    let plan = "name: shop
report: [comment, status, summary]
services:
  web: { steps: [{ run: 'true' }] }
  docs: { steps: [{ run: 'false' }] }
";
    let workflow = Workflow::new(plan);
    let finished = workflow.run(&["--only", "web"]).exits(0);

    assert_eq!(workflow.status(), "shipway/shop (only web) success: shop succeeded, only web");
    let row = "| `docs` | ⏭ skipped: left out by `--only` |  |  |  |\n";
    assert!(workflow.comment().contains(row), "{}", workflow.comment());
    let summary = fs::read_to_string(workflow.program.path("summary")).expect("a summary");
    assert!(summary.contains(row), "{summary}");
    assert_eq!(
        workflow.output("services"),
        r#"{"web":"succeeded","docs":"skipped: left out by `--only`"}"#
    );
    finished.says_in_order(&["succeeded", "docs  skipped: left out by `--only`"]);
}

#[test]
fn every_report_of_a_run_from_a_step_says_where_it_began() {
    let plan = "name: shop
report: [comment, status, summary]
services:
  web: { steps: [{ id: make, run: 'true' }, { id: check, run: 'true' }] }
  docs: { steps: [{ id: make, run: 'false' }] }
";
    let workflow = Workflow::new(plan);
    let finished = workflow.run(&["--from", "web.check", "--only", "web"]).exits(0);
    assert_eq!(
        workflow.status(),
        "shipway/shop (only web, from web.check) success: shop succeeded, only web, from web.check"
    );
    finished.says_in_order(&["shop from shipway.yml, from step web.check, run "]);

    let workflow =
        Workflow::new(&plan.replace("  docs: { steps: [{ id: make, run: 'false' }] }\n", ""));
    let finished = workflow.run(&["--from", "web.check"]).exits(0);
    assert_eq!(
        workflow.status(),
        "shipway/shop (from web.check) success: shop succeeded, from web.check"
    );
    let comment = workflow.comment();
    assert!(comment.contains("### shop: ✅ succeeded, from web.check\n"), "{comment}");
    let summary = fs::read_to_string(workflow.program.path("summary")).expect("a summary");
    assert!(summary.contains("### shop: ✅ succeeded, from web.check\n"), "{summary}");
    assert_eq!(result(&workflow.program)["from"], "web.check");
    finished
        .says_in_order(&["shop from shipway.yml, from step web.check, run ", "), from web.check"]);

    let finished = workflow.run(&[]).exits(0);
    assert_eq!(workflow.status(), "shipway/shop success: shop succeeded");
    assert!(!finished.stderr.contains("from step"), "{}", finished.stderr);
}

#[test]
fn protected_environment_that_the_event_cannot_choose_replaces_its_own_check_mark() {
    let both = "live: { if: 'true' }, test: {}";
    let workflow = Workflow::new(&in_environments(both, "run: 'true'"));
    workflow.run(&[]).exits(0);
    workflow.run(&["--env", "test"]).exits(0);
    let guarded = in_environments("live: { if: 'true', protected: true }, test: {}", PUSH);
    workflow.plan(&guarded).run(&[]).exits(2);
    assert_eq!(
        headings(&workflow),
        [
            "<!-- shipway key=shop/live/ --> ### shop: ❌ failed, nothing was changed",
            "<!-- shipway key=shop/test/ --> ### shop: ✅ succeeded",
        ]
    );

    let finished = workflow.run(&["--env", "life"]).exits(2);
    assert_eq!(
        annotations(&finished)[0],
        "::warning::the comment was not made: no environment could be chosen, and the pull request has comments of several (`live`, `test`), which stand"
    );
}

#[test]
fn wrong_command_line_replaces_the_check_mark_of_an_earlier_run() {
    let workflow = Workflow::new("name: shop\nsteps: [{ run: 'true' }]\n");
    workflow.run(&[]).exits(0);
    let finished = workflow.run(&["--form", "run"]).exits(2);
    assert_eq!(
        annotations(&finished),
        ["::error title=shop was not run::unexpected argument '--form' found"]
    );
    assert_eq!(
        workflow.comment(),
        "<!-- shipway key=shop// -->
### shop: ❌ failed, nothing was changed

What an earlier run deployed is as it was.

```text
unexpected argument '--form' found
```
"
    );
    assert_eq!(workflow.output("status"), "failed");
}

#[test]
fn signal_while_github_is_waited_for_leaves_the_outputs() {
    let plan = "name: shop\nreport: comment\nsteps: [{ run: 'true' }]\n";
    let busy = json!([{
        "method": "POST", "path-contains": "/comments", "status": 503, "retry-after": 50,
    }]);
    let workflow = Workflow::with_faults(plan, &busy);
    let child = workflow.program.start(&["run", "--cloud", "cloud/cloud.json"]);
    let requests = workflow.cloud.folder.join("requests.jsonl");
    eventually("GitHub has answered", || {
        let log = fs::read_to_string(&requests).unwrap_or_default();
        log.lines().any(|line| line.contains("503")).then_some(())
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the program is there");
    let finished = workflow.program.finish(child).exits(0);

    assert_eq!(
        annotations(&finished),
        [
            "::warning::the run was told to stop while it reported to GitHub, so that reports may be \
          missing there"
        ]
    );
    assert_eq!(workflow.output("status"), "succeeded");
    assert_eq!(result(&workflow.program)["status"], "succeeded");
}

/// A run of which the first step was done, and that failed at the second.
fn half_done() -> Workflow {
    let plan = "name: shop
report: [comment, status]
secrets: { token: { env: THE_TOKEN } }
steps:
  - { id: first, run: 'true' }
  - { id: second, run: 'test -n \"$TOKEN\" && false', env: { TOKEN: '${{ secrets.token }}' } }
";
    let mut workflow = Workflow::new(plan);
    workflow.program = workflow.program.env("THE_TOKEN", "hunter22");
    workflow.run(&[]).exits(4);
    workflow
}

#[test]
fn refused_resume_says_that_what_the_run_did_before_stands() {
    let mut workflow = half_done();
    workflow.program = workflow.program.env("THE_TOKEN", "");
    let finished = workflow.program.run(&["resume"]).exits(3);

    let title = "::error title=shop was not resumed::";
    assert!(annotations(&finished)[0].starts_with(title), "{}", finished.stderr);
    assert_eq!(
        workflow.status(),
        "shipway/shop failure: nothing more was changed: cannot find the secret `token`: \
         `THE_TOKEN` is empty"
    );
    let comment = workflow.comment();
    assert!(comment.contains("### shop: ❌ failed, nothing more was changed\n"), "{comment}");
    let kept = "\nWhat the run did before it stopped is as it was.\n";
    assert!(comment.contains(kept), "{comment}");
}

#[test]
fn resume_with_a_mistake_in_its_command_line_reports_nothing() {
    let workflow = half_done();
    let before = (workflow.comment(), workflow.status());
    let finished = workflow.program.run(&["resume", "--rerun", "third"]).exits(2);
    finished.begins_with(
        "error: `--rerun third`: there is no such step\n  help: its steps are `first`, `second`\n",
    );
    assert_eq!((workflow.comment(), workflow.status()), before);
}

#[test]
fn secret_that_was_not_read_yet_is_masked_in_the_report_of_a_refused_run() {
    let workflow = Workflow::new(PLAN);
    let program = workflow.program.env("THE_TOKEN", "hunter22");
    let workflow = Workflow { program, ..workflow };
    let finished = workflow.run(&["--until", "hunter22"]).exits(2);
    assert!(
        workflow.comment().contains("`--until ***`: there is no such step"),
        "{}",
        workflow.comment()
    );
    assert!(!annotations(&finished).concat().contains("hunter22"), "{finished:?}");
    let summary = fs::read_to_string(workflow.program.path("summary")).expect("a summary");
    assert!(!summary.contains("hunter22"), "{summary}");
}

#[test]
fn missing_token_is_one_warning_with_the_line_to_add() {
    let plan = "\
name: shop
report: [comment, deployment, status]
steps: [{ run: 'true' }]
";
    let finished = in_workflow(Program::with_plan(plan)).run(&["run"]).exits(0);
    assert_eq!(
        annotations(&finished),
        [
            "::warning::the comment and the status of the commit were not made: there is no token; add to the step: `env: { GITHUB_TOKEN: \"${{ github.token }}\" }`"
        ]
    );
}

#[test]
fn locked_conversation_is_named_and_does_not_fail_the_run() {
    let locked = json!([{
        "method": "POST", "host": "api.github.com", "path-contains": "/comments",
        "status": 403, "message": "Unable to create comment because issue is locked.",
    }]);
    let workflow = Workflow::with_faults("name: shop\nsteps: [{ run: 'true' }]\n", &locked);
    let finished = workflow.run(&[]).exits(0);
    assert_eq!(
        annotations(&finished),
        [
            "::warning::the comment was not made: the conversation of pull request 7 is locked; unlock it, or leave `comment` out of the plan's `report`"
        ]
    );
}

#[test]
fn missing_permission_is_named() {
    let denied = json!([{
        "method": "POST", "host": "api.github.com", "path-contains": "/statuses/",
        "status": 403, "message": "Resource not accessible by integration",
    }]);
    let plan = "name: shop\nreport: status\nsteps: [{ run: 'true' }]\n";
    let finished = Workflow::with_faults(plan, &denied).run(&[]).exits(0);
    let said = annotations(&finished).concat();
    assert!(
        said.starts_with("::warning::the status of the commit was not made: cannot set the status")
            && said.ends_with(
                ": 403: Resource not accessible by integration (add `statuses: write` to the `permissions:` of the workflow, or to the token)"
            ),
        "{said}"
    );
}

/// A plan that deploys a container with this command of busybox.
pub fn deploying(name: &str, command: &str) -> String {
    format!(
        "\
name: {name}
azure: {{ resource-group: demo, location: westeurope }}
report: [deployment]
steps:
  - build:
      layers: [{{ from: busybox, to: /busybox }}]
      entrypoint: [/busybox, {command}]
  - tag: demo.azurecr.io/{name}:v1
  - push:
  - deploy: {{ aci: {{ restart-policy: Never }} }}
    retry: {{ attempts: 1 }}
"
    )
}

#[test]
fn failed_deploy_is_recorded_after_one_that_succeeded() {
    let workflow = Workflow::new(&deploying("shop", "sleep, '600'"));
    workflow.run(&[]).exits(0);
    assert_eq!(workflow.deployments(), ["shop/pr-7: success"]);

    workflow.plan(&deploying("shop", "false")).run(&[]).exits(4);
    assert_eq!(workflow.deployments(), ["shop/pr-7: success", "shop/pr-7: failure"]);

    workflow.plan(&deploying("shop", "sleep, '601'")).run(&[]).exits(0);
    assert_eq!(
        workflow.deployments(),
        ["shop/pr-7: success, inactive", "shop/pr-7: failure, inactive", "shop/pr-7: success"]
    );
}

#[test]
fn resume_of_an_older_run_leaves_the_deployment_of_a_newer_one() {
    let check = "  - { id: check, run: test -e GO, idempotent: true }\n";
    let workflow = Workflow::new(&(deploying("shop", "sleep, '600'") + check));
    workflow.run(&[]).exits(4);
    let older = journal(&workflow.program)[0]["run"].as_str().expect("an id").to_owned();
    fs::write(workflow.program.path("GO"), "").expect("written");
    workflow.run(&[]).exits(0);
    assert_eq!(workflow.deployments(), ["shop/pr-7: failure, inactive", "shop/pr-7: success"]);
    fs::remove_file(workflow.program.path("GO")).expect("there");

    workflow.program.run(&["resume", &older]).exits(4);

    assert_eq!(
        workflow.deployments(),
        ["shop/pr-7: failure, inactive, failure", "shop/pr-7: success"]
    );
}

#[test]
fn two_plans_on_one_pull_request_keep_their_deployments() {
    let workflow = Workflow::new(&deploying("shop", "sleep, '600'"));
    workflow.run(&[]).exits(0);
    workflow.plan(&deploying("docs", "sleep, '600'")).run(&[]).exits(0);
    assert_eq!(workflow.deployments(), ["shop/pr-7: success", "docs/pr-7: success"]);
}

/// All comments, each without its marker and its last line.
fn comments(workflow: &Workflow) -> Vec<String> {
    let github = workflow.github();
    let comments = github["comments"].as_array().cloned().unwrap_or_default();
    let text = |comment: &Value| {
        let body = comment["body"].as_str().expect("text").to_owned();
        let shown = body.lines().filter(|line| !line.starts_with("<!--"));
        let shown: Vec<&str> = shown.take_while(|line| !line.starts_with("<sub>")).collect();
        shown.join("\n").trim().to_owned()
    };
    comments.iter().map(text).collect()
}

#[test]
fn plan_is_a_comment_of_its_own_which_is_updated_in_place() {
    let plan = deploying("shop", "sleep, '600'").replace("[deployment]", "[plan, comment]");
    let workflow = Workflow::new(&plan);
    let planned = |exit: i32| {
        let arguments = ["plan", "--exit-code", "--cloud", "cloud/cloud.json"];
        workflow.program.run(&arguments).exits(exit)
    };

    let first = planned(7);
    let all = comments(&workflow);
    let [comment] = all.as_slice() else { panic!("{all:#?}") };
    assert!(
        comment.starts_with(
            "### shop: 📋 plan\n\nPlan: 1 to create. Tags: 1 new.\n\n```text\nshop\n  build   sha256:"
        ),
        "{comment}"
    );
    let shown = first.stdout.replace("Plan: 1 to create. Tags: 1 new.\n", "");
    assert!(comment.contains(&format!("```text\n{shown}```")), "{comment}\n{shown}");
    let said = "comment on the pull request: https://github.com/octo/demo/pull/7#issuecomment-";
    assert!(first.stderr.contains(said), "{}", first.stderr);

    workflow.run(&[]).exits(0);
    let all = comments(&workflow);
    assert_eq!(all.len(), 2, "{all:#?}");
    assert!(all[0].starts_with("### shop: 📋 plan\n\nPlan: 1 to create."), "{all:#?}");
    assert!(all[1].starts_with("### shop: ✅ succeeded"), "{all:#?}");

    planned(0);
    let all = comments(&workflow);
    assert_eq!(all.len(), 2, "{all:#?}");
    assert!(
        all[0].starts_with(
            "### shop: 📋 plan\n\nPlan: 1 unchanged apart from secrets that are sent again.\n"
        ),
        "{all:#?}"
    );
    assert!(all[1].starts_with("### shop: ✅ succeeded"), "{all:#?}");

    let offline = ["plan", "--offline", "--cloud", "cloud/cloud.json"];
    let offline = workflow.program.run(&offline).exits(0);
    assert!(!offline.stderr.contains("comment on"), "{}", offline.stderr);
}

#[test]
fn plan_that_cannot_be_posted_is_a_warning() {
    let plan = deploying("shop", "sleep, '600'").replace("[deployment]", "[plan]");
    let faults = json!([{
        "method": "POST", "host": "api.github.com", "path-contains": "/issues/7/comments",
        "times": 9, "status": 403, "message": "Resource not accessible by integration",
    }]);
    let workflow = Workflow::with_faults(&plan, &faults);
    let planned = workflow.program.run(&["plan", "--cloud", "cloud/cloud.json"]).exits(0);
    assert!(
        planned.stderr.contains("warning: the comment about the plan was not made: "),
        "{}",
        planned.stderr
    );
    assert!(planned.stdout.ends_with("Plan: 1 to create. Tags: 1 new.\n"), "{}", planned.stdout);
}

#[test]
fn plan_that_is_refused_replaces_the_comment_about_an_earlier_one() {
    let plan = deploying("shop", "sleep, '600'").replace("[deployment]", "[plan]");
    let workflow = Workflow::new(&plan);
    let planned = |exit: i32, options: &[&str]| {
        let arguments = [&["plan", "--cloud", "cloud/cloud.json"], options].concat();
        workflow.program.run(&arguments).exits(exit)
    };
    planned(0, &["--until", "push"]);
    let all = comments(&workflow);
    assert!(all[0].starts_with("### shop: 📋 plan, until push\n\nPlan: "), "{all:#?}");

    workflow.plan(&plan.replace("deploy:", "deplot:"));
    planned(2, &[]);

    let all = comments(&workflow);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert!(
        all[0].starts_with("### shop: ❌ plan failed\n\n**`shipway.yml:")
            && all[0].contains("\na step has no key `deplot`\n"),
        "{all:#?}"
    );
    workflow.plan(&plan);
    planned(0, &[]);
    let all = comments(&workflow);
    assert!(all[0].starts_with("### shop: 📋 plan\n\nPlan: 1 to create."), "{all:#?}");
}

#[test]
fn refused_run_reports_to_the_repository_of_the_local_cloud_wherever_it_is_checked_out() {
    let workflow = Workflow::new(&PLAN.replace("THE_TOKEN", "HOME"));
    let elsewhere = Workflow { program: workflow.program.env("GITHUB_REPOSITORY", ""), ..workflow };
    let finished = elsewhere.plan(&PLAN.replace("run:", "rum:")).run(&[]).exits(2);

    assert!(!finished.stderr.contains("has no repository"), "{}", finished.stderr);
    let comment = elsewhere.comment();
    assert!(comment.contains("### shop: ❌ failed, nothing was changed\n"), "{comment}");
}
