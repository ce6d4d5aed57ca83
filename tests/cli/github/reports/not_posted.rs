//! GitHub takes no report: a warning says why, and the run is what it was.

use super::{Workflow, annotations, in_workflow};
use crate::support::state::result;
use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;

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
