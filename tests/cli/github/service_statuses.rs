//! The status of the commit that each service of a run has, for rules that require one.

use crate::cli::github::reports::Workflow;
use serde_json::Value;

const PLAN: &str = "\
name: shop
report: [service-status]
services:
  web: { steps: [{ run: 'true' }] }
  db: { steps: [{ run: 'false' }] }
  api: { needs: [db], steps: [{ run: 'true' }] }
  docs: { if: 'false', steps: [{ run: 'true' }] }
";

/// Each status that was set, in order.
fn statuses(workflow: &Workflow) -> Vec<String> {
    let github = workflow.github();
    let text = |one: &Value, name: &str| one[name].as_str().expect("text").to_owned();
    let shown = |one: &Value| {
        let [context, state, why] = ["context", "state", "description"].map(|name| text(one, name));
        format!("{context} {state}: {why}")
    };
    github["statuses"].as_array().expect("a list").iter().map(shown).collect()
}

#[test]
fn each_service_has_a_status_that_says_how_it_ended() {
    let workflow = Workflow::new(PLAN);
    let finished = workflow.run(&["--keep-going"]).exits(4);
    assert_eq!(
        statuses(&workflow),
        [
            "shipway/shop/web success: succeeded",
            "shipway/shop/db failure: db.run failed: the script ended with exit code 1",
            "shipway/shop/api pending: skipped: db failed",
            "shipway/shop/docs success: skipped: no step applies",
        ]
    );
    finished.says_in_order(&["statuses of the services"]);
}

#[test]
fn run_of_some_services_sets_the_same_statuses_as_one_of_all() {
    let workflow = Workflow::new(PLAN);
    workflow.run(&["--only", "web"]).exits(0);
    assert_eq!(statuses(&workflow), ["shipway/shop/web success: succeeded"]);

    workflow.run(&["--only", "web", "--from", "web.run"]).exits(0);
    assert_eq!(statuses(&workflow)[1..], ["shipway/shop/web (from web.run) success: succeeded"]);
}

#[test]
fn each_chosen_service_of_a_refused_run_has_failed() {
    let workflow =
        Workflow::new(&format!("secrets: {{ token: {{ env: NO_TOKEN }} }}\n{PLAN}").replace(
            "web: { steps: [{ run: 'true' }] }",
            "web: { steps: [{ run: 'true', env: { T: '${{ secrets.token }}' } }] }",
        ));
    workflow.run(&["--only", "web", "--only", "docs"]).exits(3);
    let why = "failure: nothing was changed: cannot find the secret `token`: `NO_TOKEN` is not set";
    assert_eq!(
        statuses(&workflow),
        [format!("shipway/shop/web {why}"), format!("shipway/shop/docs {why}")]
    );
}

#[test]
fn single_service_has_one_status_in_all() {
    let plan = "name: shop\nreport: [REPORTS]\nsteps: [{ run: 'true' }]\n";
    let workflow = Workflow::new(&plan.replace("REPORTS", "service-status"));
    workflow.run(&[]).exits(0);
    assert_eq!(statuses(&workflow), ["shipway/shop success: succeeded"]);

    let workflow = Workflow::new(&plan.replace("REPORTS", "status, service-status"));
    workflow.run(&[]).exits(0);
    assert_eq!(statuses(&workflow), ["shipway/shop success: shop succeeded"]);
}

#[test]
fn more_services_than_have_statuses_are_named_with_the_remedy() {
    let services: Vec<String> =
        (0..51).map(|number| format!("  s{number}: {{ steps: [{{ run: 'true' }}] }}\n")).collect();
    let plan = format!("name: shop\nreport: [service-status]\nservices:\n{}", services.concat());
    let workflow = Workflow::new(&plan);
    let finished = workflow.run(&[]).exits(0);
    let warning = "::warning::the status of each service was not made: the run has 51 services, and at most 50 have a status of their own; write `status` in the plan's `report`, or divide the services with `shipway matrix`";
    assert!(finished.stderr.lines().any(|line| line == warning), "{}", finished.stderr);
    assert!(workflow.asked(&mut 0).is_empty(), "nothing is asked of GitHub");
}
