//! `docs/rehearse.md`: its commands are run with its plan, and say what stands there. Then
//! faults of a cloud that is up.

use crate::docs::shell_words;
use crate::support::cloud_process::CloudProcess;
use crate::support::state::newest;
use crate::support::{Finished, Program};
use regex::Regex;
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/rehearse.md");

/// A command of the page, what it says, and how it ends.
struct Rehearsal {
    title: String,
    command: Vec<String>,
    says: Vec<String>,
    exit: i32,
}

fn plan() -> &'static str {
    let plan = PAGE.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    plan.expect("a plan")
}

/// The sections of the page that have a number.
fn rehearsals() -> Vec<Rehearsal> {
    let section = Regex::new(
        r"(?ms)^## (\d\. [^\n]*)\n.*?^```console\n\$ shipway ([^\n]*)\n(.*?)^```$.*?Exit code (\d)",
    )
    .expect("a pattern");
    let read = |found: regex::Captures<'_>| Rehearsal {
        title: found[1].to_owned(),
        command: shell_words(&found[2]),
        says: found[3].lines().map(str::to_owned).collect(),
        exit: found[4].parse().expect("a code"),
    };
    section.captures_iter(PAGE).map(read).collect()
}

fn run(program: &Program, command: &[String]) -> Finished {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    program.run(&[&words[..], &["--runtime", "built-in"]].concat())
}

/// Fails unless the lines were said in this order. `…` stands for what differs.
fn says(title: &str, all: &str, lines: &[String]) {
    let pattern = lines.iter().map(|line| regex::escape(line).replace('…', "[^\n]*"));
    let pattern = format!("(?s){}", pattern.collect::<Vec<_>>().join(".*\n"));
    assert!(Regex::new(&pattern).expect("a pattern").is_match(all), "{title}:\n{all}\n{lines:#?}");
}

#[test]
fn every_rehearsal_of_the_page_says_what_stands_there() {
    let rehearsals = rehearsals();
    assert_eq!(rehearsals.len(), 5, "five are promised");
    for rehearsal in rehearsals {
        let program = Program::with_plan(plan()).applets();
        let finished = run(&program, &rehearsal.command);
        let all = format!("{}{}", finished.stderr, finished.stdout);
        assert_eq!(finished.code, rehearsal.exit, "{}:\n{all}", rehearsal.title);
        says(&rehearsal.title, &all, &rehearsal.says);
    }
}

#[test]
fn fault_that_was_met_is_an_event_and_not_met_again_by_resume() {
    let program = Program::with_plan(plan()).applets();
    let fault = "PUT containerGroups: 403 AuthorizationFailed";
    let asked = ["dry-run", "--runtime", "built-in", "--output", "json", "--fault", fault];
    let finished = program.run(&asked).exits(4);
    let events = finished.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let met: Vec<Value> = events.filter(|event: &Value| event["event"] == "fault-met").collect();
    let request = "PUT management.azure.com/…/containerGroups/shop-web";
    assert_eq!(met[0]["request"], request, "{met:#?}");
    assert_eq!(met[0]["rule"], fault);
    assert_eq!((&met[0]["nth"], &met[0]["of"]), (&1.into(), &Value::Null));

    let resumed = program.run(&["resume", "--dry-run"]).exits(0);
    assert!(!resumed.stderr.contains("fault"), "{}", resumed.stderr);
}

#[test]
fn rule_that_is_mistaken_is_refused_before_anything_starts() {
    let program = Program::with_plan(plan());
    let refused = program.run(&["dry-run", "--fault", "PUT containerGroups 409"]).exits(2);
    refused.begins_with(
        "error: invalid value 'PUT containerGroups 409' for '--fault <RULE>': it has no `: ` after \
         the requests; write it as in `PUT containerGroups: 409 ContainerGroupTransitioning x2`\n",
    );
    assert!(newest(&program, "local").is_none());
}

#[test]
fn faults_of_a_cloud_that_is_up_are_added_listed_and_removed() {
    let cloud = CloudProcess::with_registry("shop");
    let path = cloud.path.display().to_string();
    let program = Program::new();
    let fault = |more: &[&str]| {
        program.run(&[&["local", "fault", "--cloud", &path], more].concat()).exits(0)
    };

    let none = fault(&[]);
    assert_eq!(none.stdout, "");
    assert_eq!(none.stderr, "no fault is left; `shipway local fault RULE` adds one\n");
    let added = fault(&["GET /v2/: 503 x2", "POST *: reset"]);
    assert_eq!(added.stdout, "GET /v2/: 503 x2  (met 0 of 2)\nPOST *: reset  (not met yet)\n");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let status = runtime.block_on(async {
        cloud.client().get("https://shop.azurecr.io/v2/").send().await.expect("an answer").status()
    });
    assert_eq!(status, 503);
    assert_eq!(fault(&[]).stdout, "GET /v2/: 503 x2  (met 1 of 2)\nPOST *: reset  (not met yet)\n");
    let removed = fault(&["--clear"]);
    assert_eq!(
        removed.stderr,
        "removed:\nGET /v2/: 503 x2  (met 1 of 2)\nPOST *: reset  (not met yet)\n"
    );
    assert_eq!(fault(&["--clear"]).stderr, "no fault was left\n");
}

#[test]
fn cloud_that_has_ended_has_no_faults() {
    let cloud = CloudProcess::with_registry("shop");
    let text = std::fs::read_to_string(&cloud.path).expect("a file");
    let state = cloud.state().to_owned();
    drop(cloud);
    let program = Program::new().file("cloud.json", &text);
    let refused = program.run(&["local", "fault", "--cloud", "cloud.json"]).exits(3);
    assert_eq!(
        refused.stderr,
        format!(
            "error: the local cloud in `{}` has ended\n  help: start one: `shipway local \
             --detach`\n",
            state.display()
        )
    );
}
