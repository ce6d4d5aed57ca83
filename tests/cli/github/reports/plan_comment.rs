//! `shipway plan` as a comment.

use super::{Workflow, deploying};
use serde_json::{Value, json};

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
