//! GitHub's deployments: of each run, and inactive when another takes its place.

use super::{Workflow, deploying};
use crate::support::state::journal;
use std::fs;

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
