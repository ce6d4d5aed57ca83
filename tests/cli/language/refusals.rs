//! Invalid plans: every mistake is explained, with exit code 2.

use crate::support::{Finished, Program};
use std::fmt::Write as _;
use std::fs;

/// `check` and `dry-run` refuse the plan with the same text and start nothing.
#[track_caller]
fn refused(text: &str) -> String {
    let program = Program::with_plan(text);
    let [checked, ran] = ["check", "dry-run"].map(|command| program.run(&[command]).exits(2));
    assert_eq!((checked.stdout.as_str(), ran.stdout.as_str()), ("", ""));
    assert_eq!(checked.stderr, ran.stderr);
    assert!(!program.path(".shipway").exists(), "nothing was begun");
    ran.stderr
}

#[test]
fn input_that_is_not_a_plan_is_explained() {
    assert_eq!(
        refused(""),
        "error[empty-plan]: the plan is empty
 --> shipway.yml:1:1
  |
1 |
  | ^
  |
  = help: the smallest plan has a `name` and `steps`
"
    );
    assert_eq!(
        refused("hello world\n"),
        "error[not-a-plan]: a plan is a mapping, and this is a single value
 --> shipway.yml:1:1
  |
1 | hello world
  | ^^^^^^^^^^^
  |
  = help: the smallest plan has a `name` and `steps`
"
    );
    assert_eq!(
        refused("#!/bin/sh\necho hello: [\n"),
        "error[yaml-syntax]: `[` is not closed
 --> shipway.yml:2:13
  |
2 | echo hello: [
  |             ^
  |
  = help: put `]` where the list ends
"
    );
}

#[test]
fn plan_of_10_megabytes_is_refused() {
    let step = "  - run: echo 0123456789012345678901234567890\n";
    let plan = format!("name: big\nsteps:\n{}", step.repeat(10_000_000 / step.len()));
    let said = refused(&plan);
    assert!(said.starts_with("error[too-large]: a plan has at most 1048576 bytes"), "{said}");
}

#[test]
fn yaml_bomb_is_refused() {
    let mut bomb = "name: bomb\nx-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "x-{level}: &a{level} [{aliases}]").expect("text");
    }
    let said = refused(&format!("{bomb}steps: [{{ run: 'true' }}]\n"));
    assert!(
        said.starts_with("error[yaml-bomb]: aliases repeat more than 100000 values\n"),
        "{said}"
    );

    let long =
        format!("name: bomb\nx-a: &a {}\nx-b: [{}]\n", "A".repeat(600_000), "*a, ".repeat(90_000));
    let said = refused(&format!("{long}steps: [{{ run: 'true' }}]\n"));
    assert!(
        said.starts_with("error[yaml-bomb]: aliases repeat more than 4194304 bytes\n"),
        "{said}"
    );

    let said = refused(&format!("name: deep\nsteps: {}\n", "[".repeat(100_000)));
    assert!(said.starts_with("error[yaml-depth]: nested more than 64 levels deep\n"), "{said}");
}

#[test]
fn eight_mistakes_are_eight_diagnostics() {
    let said = refused(
        "name: eight
nmae: again
name: twice
azure: { resource-group: demo, location: westeurope, colour: red }
services:
  web:
    steps:
      - build: .
        push:
      - run: echo
        timeout: soon
      - verify: { http: /, expect: { status: fine } }
      - deploy: { aci: { ports: [800000] } }
      - jump: high
",
    );
    let found: Vec<&str> =
        said.lines().filter(|line| line.starts_with("error[") || line.contains("-->")).collect();
    assert_eq!(
        found.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n"),
        "error[unknown-key]: a plan has no key `nmae`
--> shipway.yml:2:1
error[duplicate-key]: `name` is given twice
--> shipway.yml:3:1
error[unknown-key]: `azure` has no key `colour`
--> shipway.yml:4:54
error[two-actions]: a step cannot both `build` and `push`
--> shipway.yml:9:9
error[bad-value]: `timeout` cannot be `soon`
--> shipway.yml:11:18
error[bad-value]: `status` cannot be `fine`
--> shipway.yml:12:46
error[bad-value]: `ports` cannot be `800000`
--> shipway.yml:13:34
error[unknown-key]: a step has no key `jump`
--> shipway.yml:14:9"
    );
}

/// A plan whose protected environment would take anything, run for an event.
fn chosen(event: &str, payload: &str) -> (Finished, String) {
    let program = Program::with_plan(
        "name: guarded
environments:
  production: { if: 'true', protected: true }
  preview: { if: 'true' }
steps:
  - run: printf %s \"$CHOSEN\" > chosen
    env: { CHOSEN: '${{ environment.name }}' }
",
    );
    let program = program
        .file("event.json", payload)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "octo/demo")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_EVENT_NAME", event)
        .env("GITHUB_EVENT_PATH", "event.json");
    let finished = program.run(&["dry-run"]).exits(0);
    let chosen = fs::read_to_string(program.path("chosen")).expect("it ran");
    (finished, chosen)
}

#[test]
fn untrusted_events_never_choose_a_protected_environment() {
    let head = format!(
        r#"{{"ref":"main","sha":"{}","repo":{{"full_name":"octo/demo","fork":false}}}}"#,
        "a".repeat(40)
    );
    let pull_request = format!(
        r#"{{"action":"opened","number":7,"pull_request":{{"number":7,"head":{head},"base":{head},"user":{{"login":"eve"}}}}}}"#
    );
    let comment = r#"{"action":"created","issue":{"number":7,"pull_request":{}},"comment":{"body":"ship it"}}"#;
    for (event, payload) in [
        ("pull_request_target", pull_request.as_str()),
        ("pull_request", pull_request.as_str()),
        ("issue_comment", comment),
        ("workflow_run", "{}"),
    ] {
        let (finished, chosen) = self::chosen(event, payload);
        assert_eq!(chosen, "", "{event}");
        let notice = format!("`production` is protected, and `{event}` cannot choose it");
        assert!(finished.stderr.contains(&notice), "{event}: {}", finished.stderr);
    }
    let (_, pushed) = self::chosen("push", r#"{"ref":"refs/heads/main","commits":[]}"#);
    assert_eq!(pushed, "production", "what only writers can cause");
}

#[test]
fn untrusted_text_is_refused_in_a_script() {
    assert_eq!(
        refused("name: a\nsteps:\n- run: echo ${{ pr.branch }}\n"),
        r#"error[script-injection]: `pr.branch` is put into a script
 --> shipway.yml:3:17
  |
3 | - run: echo ${{ pr.branch }}
  |                 ^^^^^^^^^ may hold anything, which the shell would run
  |
  = help: give it to the script in a variable:
          run: echo "${PR_BRANCH}"
          env: { PR_BRANCH: "${{ pr.branch }}" }
"#
    );
}

#[test]
fn secret_is_refused_in_a_script() {
    assert_eq!(
        refused(
            "name: a\nsecrets: { db-url: { env: DB_URL } }\nsteps:\n- run: psql '${{ secrets.db-url }}'\n"
        ),
        r#"error[script-injection]: `secrets.db-url` is put into a script
 --> shipway.yml:4:18
  |
4 | - run: psql '${{ secrets.db-url }}'
  |                  ^^^^^^^^^^^^^^ is a secret, which other programs on the machine can read in a script
  |
  = help: give it to the script in a variable:
          run: psql "${DB_URL}"
          env: { DB_URL: "${{ secrets.db-url }}" }
"#
    );
}
