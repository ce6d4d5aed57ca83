//! The status of the commit, and what a part of a plan says of it.

use super::Workflow;
use crate::support::state::result;
use std::fs;

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
