//! How often GitHub is asked by the reports of a run.

use crate::cli::github::reports::{Workflow, deploying};

/// Deploys a container that sleeps so long.
fn plan(seconds: &str) -> String {
    deploying("shop", &format!("sleep, '{seconds}'"))
        .replace("[deployment]", "[comment, deployment, status]")
        // A password to pull with would be sent each time.
        .replace("steps:", "registries: { demo.azurecr.io: { pull: anonymous } }\nsteps:")
}

const LIST_COMMENTS: &str = "GET /repos/octo/demo/issues/7/comments?per_page=100";
const COMMENT: &str = "POST /repos/octo/demo/issues/7/comments";
const DEPLOYMENT: &str = "POST /repos/octo/demo/deployments";
const LIST_DEPLOYMENTS: &str =
    "GET /repos/octo/demo/deployments?environment=shop%2Fpr-7&per_page=100";
const STATUS: &str = "POST /repos/octo/demo/statuses/4387e9f3d6e14c459867679a90fd0f7912345678";

/// The requests, with N in the place of the ids that GitHub gives, sorted: reports are made at
/// the same time.
fn without_ids(asked: &[String]) -> Vec<String> {
    let part = |part: &str| {
        let is_id = part.len() == 10 && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_id { "N".to_owned() } else { part.to_owned() }
    };
    let line = |line: &String| line.split('/').map(part).collect::<Vec<_>>().join("/");
    let mut lines: Vec<String> = asked.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

fn sorted<const N: usize>(mut requests: [&str; N]) -> [&str; N] {
    requests.sort_unstable();
    requests
}

#[test]
fn comment_deployment_and_status_take_eight_requests_and_five_where_nothing_changed() {
    let workflow = Workflow::with_anonymous_pulls(&plan("600"));
    let mut known = 0;
    workflow.run(&[]).exits(0);
    let (end_it, state) = (
        "POST /repos/octo/demo/deployments/N/statuses",
        "GET /repos/octo/demo/deployments/N/statuses?per_page=1",
    );
    let change_comment = "PATCH /repos/octo/demo/issues/comments/N";
    // The list after the comment is for one that another job has posted at the same time.
    let first =
        [LIST_COMMENTS, COMMENT, LIST_COMMENTS, DEPLOYMENT, end_it, LIST_DEPLOYMENTS, STATUS];
    assert_eq!(without_ids(&workflow.asked(&mut known)), sorted(first));

    workflow.plan(&plan("601")).run(&[]).exits(0);
    let second =
        [LIST_COMMENTS, change_comment, DEPLOYMENT, end_it, LIST_DEPLOYMENTS, end_it, STATUS];
    assert_eq!(without_ids(&workflow.asked(&mut known)), sorted(second));

    workflow.plan(&plan("602")).run(&[]).exits(0);
    let later = workflow.asked(&mut known);
    let expected = [
        LIST_COMMENTS,
        change_comment,
        DEPLOYMENT,
        end_it,
        LIST_DEPLOYMENTS,
        end_it,
        state,
        STATUS,
    ];
    assert_eq!(without_ids(&later), sorted(expected));
    assert_eq!(later.len(), 8);

    workflow.run(&[]).exits(0);
    let unchanged = workflow.asked(&mut known);
    let expected = [LIST_COMMENTS, change_comment, LIST_DEPLOYMENTS, state, STATUS];
    assert_eq!(without_ids(&unchanged), sorted(expected));
    assert_eq!(unchanged.len(), 5);
}

#[test]
fn status_of_each_service_takes_one_request_more() {
    let plan = plan("600").replace("status]", "status, service-status]");
    let (head, steps) = plan.split_once("steps:\n").expect("steps");
    let steps: Vec<String> = steps.lines().map(|line| format!("    {line}\n")).collect();
    let steps = steps.concat();
    let others = "  docs: { steps: [{ run: 'true' }] }\n  jobs: { steps: [{ run: 'true' }] }\n";
    let plan = format!("{head}services:\n  web:\n    steps:\n{steps}{others}");
    let workflow = Workflow::with_anonymous_pulls(&plan);
    let mut known = 0;
    for run in 0..3 {
        workflow.run(&[]).exits(0);
        let asked = without_ids(&workflow.asked(&mut known));
        let of_services = asked.iter().filter(|request| *request == STATUS).count() - 1;
        assert_eq!(of_services, 3, "run {run}: {asked:#?}");
        assert!(asked.len() - of_services <= 8, "run {run}: {asked:#?}");
    }
}
