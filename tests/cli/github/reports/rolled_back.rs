//! A rollback of a preview: the reports are about the commit that is put back.

use super::{HEAD, Workflow, deploying};
use serde_json::Value;
use std::fs;

/// The commit before the head of the pull request.
const BEFORE: &str = "90ab12cf3d6e14c459867679a90fd0f791234567";

const REPORT: &str = "report: [comment, deployment, status]";

/// The plan with a container that does this.
fn plan(command: &str) -> String {
    deploying("shop", command).replace("report: [deployment]", REPORT)
}

impl Workflow {
    /// Goes on to another commit of the pull request.
    fn at_commit(&self, from: &str, to: &str) {
        for name in [".git/HEAD", "event.json"] {
            let path = self.program.path(name);
            let text = fs::read_to_string(&path).expect("a file");
            fs::write(&path, text.replace(from, to)).expect("a file can be written");
        }
    }
}

/// The commit and the state of each status.
fn statuses(workflow: &Workflow) -> Vec<String> {
    let github = workflow.github();
    let text = |one: &Value, name: &str| one[name].as_str().expect("text").to_owned();
    let shown = |one: &Value| format!("{} {}", &text(one, "sha")[..7], text(one, "state"));
    github["statuses"].as_array().expect("a list").iter().map(shown).collect()
}

/// The commit of each deployment.
fn deployed_commits(workflow: &Workflow) -> Vec<String> {
    let github = workflow.github();
    let all = github["deployments"].as_array().expect("a list").iter();
    all.map(|one| one["sha"].as_str().expect("text")[..7].to_owned()).collect()
}

#[test]
fn rollback_of_a_preview_is_a_deployment_of_its_commit_and_no_status_of_the_head() {
    let workflow = Workflow::new(&plan("sleep, '600'"));
    workflow.at_commit(HEAD, BEFORE);
    workflow.run(&[]).exits(0);
    workflow.at_commit(BEFORE, HEAD);
    workflow.plan(&plan("false")).run(&[]).exits(4);
    assert_eq!(statuses(&workflow), ["90ab12c success", "4387e9f failure"]);
    let mut known = 0;
    workflow.asked(&mut known);

    let arguments = ["rollback", "--pr", "7", "--yes", "--cloud", "cloud/cloud.json"];
    let finished = workflow.program.run(&arguments).exits(0);

    let asked = workflow.asked(&mut known);
    let is_status = |request: &&String| {
        request.starts_with("POST /repos/octo/demo/statuses/") || request.contains("/check-runs")
    };
    assert_eq!(asked.iter().find(is_status), None, "{asked:#?}");
    assert_eq!(statuses(&workflow), ["90ab12c success", "4387e9f failure"]);
    assert_eq!(deployed_commits(&workflow), ["90ab12c", "4387e9f", "90ab12c"]);
    assert_eq!(
        workflow.deployments(),
        ["shop/pr-7: success, inactive", "shop/pr-7: failure, inactive", "shop/pr-7: success"]
    );
    let note = "`shop` runs commit 90ab12c now, which `shipway rollback` put back; commit 4387e9f, \
                the head of pull request 7, is not deployed\n";
    assert!(finished.stderr.contains(note), "{}", finished.stderr);
    let comment = workflow.comment();
    assert!(comment.contains("### shop: ✅ succeeded\n"), "{comment}");
    assert!(comment.contains(&format!("- {note}")), "{comment}");
}

#[test]
fn rollback_to_the_head_says_nothing_of_another_commit() {
    let workflow = Workflow::new(&plan("sleep, '600'"));
    workflow.at_commit(HEAD, BEFORE);
    workflow.run(&[]).exits(0);
    workflow.at_commit(BEFORE, HEAD);
    workflow.plan(&plan("sleep, '601'")).run(&[]).exits(0);
    let cloud = ["--cloud", "cloud/cloud.json", "--pr", "7", "--yes"];
    let rollback =
        |to: &[&str]| workflow.program.run(&[&["rollback"], to, &cloud].concat()).exits(0);
    rollback(&[]);
    assert!(workflow.comment().contains("is not deployed"), "{}", workflow.comment());

    let finished = rollback(&["--to", &HEAD[..7]]);

    assert!(!finished.stderr.contains("is not deployed"), "{}", finished.stderr);
    assert!(!workflow.comment().contains("is not deployed"), "{}", workflow.comment());
    assert_eq!(deployed_commits(&workflow).last().map(String::as_str), Some("4387e9f"));
}
