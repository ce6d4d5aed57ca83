//! What a resume reports of the run that it goes on with.

use super::{Workflow, annotations};

/// A run of which the first step was done, and that failed at the second.
fn half_done() -> Workflow {
    let plan = "name: shop
report: [comment, status]
secrets: { token: { env: THE_TOKEN } }
steps:
  - { id: first, run: 'true' }
  - { id: second, run: 'test -n \"$TOKEN\" && false', env: { TOKEN: '${{ secrets.token }}' } }
";
    let mut workflow = Workflow::new(plan);
    workflow.program = workflow.program.env("THE_TOKEN", "hunter22");
    workflow.run(&[]).exits(4);
    workflow
}

#[test]
fn refused_resume_says_that_what_the_run_did_before_stands() {
    let mut workflow = half_done();
    workflow.program = workflow.program.env("THE_TOKEN", "");
    let finished = workflow.program.run(&["resume"]).exits(3);

    let title = "::error title=shop was not resumed::";
    assert!(annotations(&finished)[0].starts_with(title), "{}", finished.stderr);
    assert_eq!(
        workflow.status(),
        "shipway/shop failure: nothing more was changed: cannot find the secret `token`: \
         `THE_TOKEN` is empty"
    );
    let comment = workflow.comment();
    assert!(comment.contains("### shop: ❌ failed, nothing more was changed\n"), "{comment}");
    let kept = "\nWhat the run did before it stopped is as it was.\n";
    assert!(comment.contains(kept), "{comment}");
}

#[test]
fn resume_with_a_mistake_in_its_command_line_reports_nothing() {
    let workflow = half_done();
    let before = (workflow.comment(), workflow.status());
    let finished = workflow.program.run(&["resume", "--rerun", "third"]).exits(2);
    finished.begins_with(
        "error: `--rerun third`: there is no such step\n  help: its steps are `first`, `second`\n",
    );
    assert_eq!((workflow.comment(), workflow.status()), before);
}
