//! Which comment a run replaces, by its environment.

use super::{Workflow, annotations};
use serde_json::Value;

/// The heading of each comment, by its marker.
fn headings(workflow: &Workflow) -> Vec<String> {
    let github = workflow.github();
    let comments = github["comments"].as_array().expect("a list").iter();
    let heading = |comment: &Value| {
        let body = comment["body"].as_str().expect("text");
        body.lines().take(2).collect::<Vec<_>>().join(" ")
    };
    comments.map(heading).collect()
}

/// A plan of which each run is in one of these environments.
fn in_environments(environments: &str, step: &str) -> String {
    format!("name: shop\nenvironments: {{ {environments} }}\nsteps: [{{ {step} }}]\n")
}

const PUSH: &str = "build: { layers: [] } }, { tag: 'demo.azurecr.io/shop:v1' }, { push:";

#[test]
fn run_without_an_environment_replaces_the_check_mark_of_the_only_earlier_one() {
    let harmless = in_environments("live: { if: 'true' }", "run: 'true'");
    let refused = "<!-- shipway key=shop/live/ --> ### shop: ❌ failed, nothing was changed";

    let workflow = Workflow::new(&harmless);
    workflow.run(&[]).exits(0);
    assert_eq!(headings(&workflow), ["<!-- shipway key=shop/live/ --> ### shop: ✅ succeeded"]);
    workflow.run(&["--env", "life"]).exits(2);
    assert_eq!(headings(&workflow), [refused]);

    workflow.run(&[]).exits(0);
    let unmatched = in_environments("live: { if: github.event_name == 'push' }", PUSH);
    let finished = workflow.plan(&unmatched).run(&[]).exits(2);
    assert_eq!(
        annotations(&finished),
        [
            "::error title=shop was not run::no environment matches this run, and its steps push or deploy%0Ahelp: `live` needs `github.event_name == 'push'`, or `--env live`"
        ]
    );
    assert_eq!(headings(&workflow), [refused]);
}

#[test]
fn success_in_an_environment_replaces_the_comment_of_a_run_without_one() {
    let refused = in_environments("live: { if: github.event_name == 'push' }", PUSH);
    let workflow = Workflow::new(&refused);
    workflow.run(&[]).exits(2);
    assert_eq!(
        headings(&workflow),
        ["<!-- shipway key=shop// --> ### shop: ❌ failed, nothing was changed"]
    );

    workflow.plan(&in_environments("live: { if: 'true' }", "run: 'true'")).run(&[]).exits(0);
    assert_eq!(headings(&workflow), ["<!-- shipway key=shop/live/ --> ### shop: ✅ succeeded"]);
}

#[test]
fn protected_environment_that_the_event_cannot_choose_replaces_its_own_check_mark() {
    let both = "live: { if: 'true' }, test: {}";
    let workflow = Workflow::new(&in_environments(both, "run: 'true'"));
    workflow.run(&[]).exits(0);
    workflow.run(&["--env", "test"]).exits(0);
    let guarded = in_environments("live: { if: 'true', protected: true }, test: {}", PUSH);
    workflow.plan(&guarded).run(&[]).exits(2);
    assert_eq!(
        headings(&workflow),
        [
            "<!-- shipway key=shop/live/ --> ### shop: ❌ failed, nothing was changed",
            "<!-- shipway key=shop/test/ --> ### shop: ✅ succeeded",
        ]
    );

    let finished = workflow.run(&["--env", "life"]).exits(2);
    assert_eq!(
        annotations(&finished)[0],
        "::warning::the comment was not made: no environment could be chosen, and the pull request has comments of several (`live`, `test`), which stand"
    );
}
