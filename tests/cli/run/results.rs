//! The results of services: what ran, what did not, and why.

use crate::support::Program;
use crate::support::state::{newest, result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};

/// The table at the end of the log, without times.
#[track_caller]
fn table(program: &Program, arguments: &[&str], code: i32) -> Vec<String> {
    let finished = program.run(arguments).exits(code);
    let lines = finished.stderr.lines().rev().take_while(|line| line.starts_with("    "));
    let mut rows: Vec<String> =
        lines.map(|line| line.split("  (").next().unwrap_or_default().trim().to_owned()).collect();
    rows.reverse();
    rows
}

#[test]
fn a_service_whose_need_failed_is_skipped() {
    let program = Program::with_plan(
        "name: needy
services:
  a: { steps: [{ run: 'false' }] }
  b: { needs: [a], steps: [{ run: 'true' }] }
",
    );
    assert_eq!(table(&program, &["run"], 4), ["b  skipped: a failed", "a  failed at a.run"]);
}

#[test]
fn a_service_whose_deploy_another_failure_left_out_is_not_deployed() {
    // Each waits for what the other one has begun or ended.
    let program = Program::with_plan(
        "name: site
report: [comment]
azure: { resource-group: demo, location: westeurope }
services:
  tests:
    steps:
      - run: |
          until grep -qs '\"service\":\"docs\",\"step\":\"wait\"' .shipway/runs/*/journal.jsonl; do sleep 0.05; done
          exit 3
  docs:
    steps:
      - build: { layers: [{ from: shipway.yml, to: /plan }] }
      - tag: demo.azurecr.io/docs:v1
      - push:
      - id: wait
        run: |
          until grep -qs '\"is\":\"failed\"' .shipway/runs/*/journal.jsonl; do sleep 0.05; done
      - deploy: { aci: { name: docs, ports: [80] } }
      - verify: /
",
    );
    let finished = program.run(&["dry-run"]).exits(4);
    finished.says_in_order(&[
        "\ndocs.deploy  skipped: `tests.run` failed\n",
        "\ndocs.verify  skipped: `tests.run` failed\n",
        "\nfailed  (",
        "\n    docs   skipped, not deployed: tests failed  (",
        "\n    tests  failed at tests.run",
    ]);
    let docs = &result(&program)["services"][1];
    assert_eq!([&docs["status"], &docs["missing"]], ["skipped", "not deployed"]);
}

#[test]
fn an_interrupt_cancels_what_runs_and_nothing_that_has_ended() {
    let program = Program::with_plan(
        "name: pair
services:
  alpha: { steps: [{ run: sleep 600 }] }
  beta: { steps: [{ run: 'true' }] }
",
    );
    let mut child = program.start(&["run"]);
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !(said.contains("alpha.run  started") && said.contains("beta.run   ok")) {
        assert_ne!(stderr.read_line(&mut said).expect("text"), 0, "{said}");
    }

    let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id"));
    kill(pid, Signal::SIGINT).expect("a signal");

    stderr.read_to_string(&mut said).expect("text");
    assert_eq!(child.wait().expect("an end").code(), Some(130), "{said}");
    let (_, table) = said.split_once("\ncancelled  (").expect("the end");
    assert!(table.contains("\n    alpha  cancelled  ("), "{said}");
    assert!(table.contains("\n    beta   succeeded  ("), "{said}");
}

#[test]
fn a_service_none_of_whose_steps_apply_is_skipped() {
    let program = Program::with_plan(
        "name: idle
services:
  a: { steps: [{ run: 'true', if: 'false' }] }
  b: { steps: [{ run: 'true' }] }
",
    );
    assert_eq!(table(&program, &["run"], 0), ["a  skipped: no step applies", "b  succeeded"]);
}

#[test]
fn a_run_of_which_no_step_applies_is_skipped() {
    let program = Program::with_plan(
        "name: idle
services:
  a: { steps: [{ run: 'true', if: 'false' }] }
  b: { needs: [a], steps: [{ run: 'true', if: 'false' }] }
",
    );
    program.run(&["run"]).exits(0).says_in_order(&[
        "\nskipped  (",
        "\n    a  skipped: no step applies\n",
        "    b  skipped: no step applies\n",
    ]);
    assert_eq!(result(&program)["status"], "skipped");
}

#[test]
fn what_the_command_line_leaves_out_is_shown_as_left_out() {
    let program = Program::with_plan(
        "name: early
services:
  web:
    steps:
      - { id: test, run: 'true' }
      - build: { layers: [{ from: hello, to: /hello }] }
      - tag: demo.azurecr.io/early:v1
      - push:
  docs: { needs: [web], steps: [{ run: 'true' }] }
",
    )
    .file("hello", "hello\n");

    let finished = program.run(&["run", "--until", "web.build"]).exits(0);
    finished.says_in_order(&[
        "\nweb.tag    skipped: left out by `--until web.build`\n",
        "\nweb.push   skipped: left out by `--until web.build`\n",
        "\ndocs.run   skipped: left out by `--until web.build`\n",
        "\nweb.test   started\n",
        "\nskipped  (",
        "\n    web   skipped, not pushed: left out by `--until web.build`  (",
        "\n    docs  skipped, `run` not run: left out by `--until web.build`\n",
    ]);
    let outputs = result(&program);
    assert_eq!(outputs["status"], "skipped");
    assert_eq!(outputs["services"][0]["missing"], "not pushed");
    assert_eq!(outputs["services"][0]["reason"], "left out by `--until web.build`");

    let rows = table(&program, &["dry-run", "--skip-run"], 0);
    assert_eq!(
        rows[..2],
        [
            "web   succeeded, `test` not run: left out by `--skip-run`",
            "docs  skipped, `run` not run: left out by `--skip-run`",
        ]
    );
    assert_eq!(result(&program)["status"], "succeeded");
}

#[test]
fn a_tolerated_failure_is_shown_on_the_service() {
    let program = Program::with_plan(
        "name: tolerant
steps:
  - { id: lint, run: exit 3, continue-on-error: true }
  - run: 'true'
",
    );
    assert_eq!(
        table(&program, &["run"], 0),
        ["tolerant  succeeded, lint failed: the script ended with exit code 3"]
    );
}

#[test]
fn steps_that_failed_after_the_first_one_are_in_the_result() {
    let program = Program::with_plan(
        "name: cleaning
steps:
  - { id: test, run: exit 3 }
  - { id: undo, if: failure(), run: exit 5 }
  - { id: note, if: always(), run: 'true' }
",
    );
    assert_eq!(table(&program, &["run"], 4), ["cleaning  failed at test, then at undo"]);
    let later = &result(&program)["services"][0]["later-failures"];
    assert_eq!(later[0]["step"]["step"], "undo");
    assert_eq!(later[0]["failure"]["chain"][0], "the script ended with exit code 5");
}

/// The result of a dry run of a plan whose `deploy` and `verify` end like this.
fn left_out(deploy: &str, verify: &str) -> String {
    let program = Program::with_plan(&format!(
        "name: partly
report: none
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build:
      layers: [{{ from: busybox, to: /busybox, mode: '0755' }}]
      entrypoint: [/busybox, sleep, '600']
  - tag: demo.azurecr.io/partly:v1
  - push:
  - deploy: {{ aci: {{ name: partly }} }}
{deploy}  - verify: http://partly.example.com/
{verify}"
    ))
    .applets();
    table(&program, &["dry-run", "--runtime", "built-in"], 0)[0].clone()
}

#[test]
fn deploy_or_verify_that_its_own_condition_leaves_out_is_named() {
    let never = "    if: github.event_name == 'schedule'\n";
    assert_eq!(
        left_out(never, never),
        "partly  succeeded, not deployed and not verified: its `if` is false"
    );
    assert_eq!(left_out("", never), "partly  succeeded, not verified: its `if` is false");
}

#[test]
fn all_that_a_service_lacks_is_named() {
    let program = Program::with_plan(
        "name: lacking
report: none
steps:
  - { id: lint, run: exit 3, continue-on-error: true }
  - build: { layers: [{ from: hello, to: /hello }] }
  - tag: demo.azurecr.io/lacking:v1
  - { push: , if: github.event_name == 'schedule' }
  - { verify: http://lacking.example.com/, if: github.event_name == 'schedule' }
",
    )
    .file("hello", "hello\n");
    assert_eq!(
        table(&program, &["run"], 0),
        ["lacking  succeeded, not verified and not pushed: its `if` is false; \
          lint failed: the script ended with exit code 3"]
    );
    let also = &result(&program)["services"][0]["also-missing"];
    assert_eq!(also[0]["missing"], "lint failed");
    assert_eq!(also[0]["reason"], "the script ended with exit code 3");
}

/// The tags of a container group in the cloud of the newest dry run.
fn tags(program: &Program, group: &str) -> Value {
    let cloud = newest(program, "local").expect("a cloud");
    let text = fs::read_to_string(cloud.join("arm/resources.json")).expect("its resources");
    let content: Value = serde_json::from_str(&text).expect("JSON");
    content["container-groups"][format!("demo/{group}")]["body"]["tags"].clone()
}

#[test]
fn deploy_after_the_last_check_is_not_verified() {
    let program = Program::with_plan(
        "name: twice
azure: { resource-group: demo, location: westeurope }
report: [comment, deployment]
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, httpd, -f, -h, /, -p, '80']
  - tag: demo.azurecr.io/twice:v1
  - push:
  - { id: blue, deploy: { aci: { name: blue, ports: [80] } } }
  - verify: { http: /busybox, within: 20s, every: 100ms }
  - { id: green, deploy: { aci: { name: green, ports: [80] } } }
",
    )
    .applets();
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);
    finished.says_in_order(&[
        "comment on the pull request, not posted\n",
        "\nsucceeded  (",
        "\n    twice  succeeded, not verified: no `verify` asks what `green` deployed  http://",
    ]);
    let run = tags(&program, "green")["shipway-run"].clone();
    assert_eq!(run, result(&program)["run"]);
    assert_eq!(tags(&program, "blue")["shipway-verified"], "true");
    assert_eq!(tags(&program, "green")["shipway-verified"], Value::Null);
}

#[test]
fn deploys_whose_checks_name_them_are_verified() {
    let program = Program::with_plan(
        "name: pair
azure: { resource-group: demo, location: westeurope }
report: none
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, httpd, -f, -h, /, -p, '80']
  - tag: demo.azurecr.io/pair:v1
  - push:
  - { id: blue, deploy: { aci: { name: blue, ports: [80] } } }
  - { id: green, deploy: { aci: { name: green, ports: [80] } } }
  - verify: { http: '${{ steps.blue.outputs.url }}/busybox', within: 20s, every: 100ms }
  - verify: { http: /busybox, within: 20s, every: 100ms }
",
    )
    .applets();
    let rows = table(&program, &["dry-run", "--runtime", "built-in"], 0);
    assert!(rows[0].starts_with("pair  succeeded  http://"), "{rows:?}");
    for name in ["blue", "green"] {
        assert_eq!(tags(&program, name)["shipway-verified"], "true", "{name}");
        assert_eq!(tags(&program, name)["shipway-lease"], Value::Null, "{name}");
    }
}

/// A group of which one container answers, and another one ends when it is asked.
fn with_sidecar(policy: &str, checks: &str) -> Program {
    Program::with_plan(&format!(
        "name: pair
azure: {{ resource-group: demo, location: westeurope }}
report: [comment]
steps:
  - build:
      layers: [{{ from: busybox, to: /busybox, mode: '0755' }}]
      entrypoint: [/busybox, httpd, -f, -h, /, -p, '80']
  - tag: demo.azurecr.io/pair:v1
  - push:
  - deploy:
      aci:
        name: pair
        ports: [80]
        cpu: 0.5
        memory: 0.5GB
        restart-policy: {policy}
        containers:
          - name: queue
            ports: [81]
            cpu: 0.5
            memory: 0.5GB
            command: [/busybox, sh, -c, nc -l -p 81 -e /busybox echo full; false]
{checks}  - {{ id: check, verify: {{ http: /busybox, within: 20s, every: 100ms, consecutive: 30 }} }}
"
    ))
    .applets()
}

const ASK_SIDECAR: &str = "  - verify: { tcp: 81, within: 20s, every: 100ms }\n";

#[test]
fn container_that_ended_beside_one_that_answers_fails_the_check() {
    let program = with_sidecar("never", ASK_SIDECAR);
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);
    finished.says_in_order(&[
        "check   failed",
        "the service answers, but container `queue` of container group `pair` does not stay up: \
         it ended with exit code 1\n",
        "now: Terminated, exit code 1",
    ]);
    assert_eq!(tags(&program, "pair")["shipway-verified"], Value::Null);
    assert_eq!(tags(&program, "pair")["shipway-lease"], Value::Null);
}

#[test]
fn container_that_is_started_again_and_again_fails_the_check() {
    // In between it ends and is started again: before, it would be asked but once.
    let wait = "  - verify: { http: /busybox, within: 20s, every: 100ms, consecutive: 10 }\n";
    let program = with_sidecar("always", &format!("{ASK_SIDECAR}{wait}{ASK_SIDECAR}"));
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);
    let why = "the service answers, but container `queue` of container group `pair` does not stay \
               up: CrashLoopBackOff: Back-off 10s restarting failed container=queue\n";
    assert!(finished.stderr.contains(why), "{}", finished.stderr);
}

#[test]
fn crash_before_a_check_that_its_if_leaves_out_fails_the_check_before_it() {
    let program = with_sidecar("never", ASK_SIDECAR);
    let path = program.path("shipway.yml");
    let plan = fs::read_to_string(&path).expect("the plan");
    let never = "  - { id: never, if: \"git.branch == 'nope'\", verify: /busybox }\n";
    fs::write(path, format!("{plan}{never}")).expect("written");
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);
    finished.says_in_order(&[
        "check   failed",
        "the service answers, but container `queue` of container group `pair` does not stay up: \
         it ended with exit code 1\n",
    ]);
}
