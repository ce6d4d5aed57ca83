//! `workflows/release`: what is published under which name.

use crate::support::Program;
use serde_json::json;

/// In a workflow that a push of this tag started.
fn tagged(tag: &str) -> Program {
    let program = Program::with_workflow("release").committed();
    program.git(&["tag", tag]);
    let head = program.git(&["rev-parse", "HEAD"]);
    let reference = format!("refs/tags/{tag}");
    program
        .in_actions("push", &json!({ "ref": reference }))
        .env("GITHUB_SHA", &head)
        .env("GITHUB_REF", &reference)
        .env("GITHUB_REF_NAME", tag)
        .env("GITHUB_REF_TYPE", "tag")
}

#[test]
fn commit_that_was_never_built_in_staging_is_named() {
    let program = tagged("v1.2.3");
    let head = program.git(&["rev-parse", "HEAD"]);
    let finished = program.run(&["dry-run", "--only", "production"]).exits(4);

    let said = finished.stderr + &finished.stdout;
    for part in [
        &format!("commit {head} was never built for `shipwaystaging.azurecr.io/release`"),
        &format!("cannot find `shipwaystaging.azurecr.io/release:{head}`"),
        "let the run of this commit end, or run it again, and then start this one again",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}

#[test]
fn a_tag_that_is_no_version_ends_the_run() {
    let program = tagged("v1.2");
    let finished = program.run(&["dry-run", "--only", "production"]).exits(4);

    let said = finished.stderr + &finished.stdout;
    assert!(
        said.contains("the tag v1.2 is no version such as v1.2.3, so nothing is released"),
        "{said}"
    );
    assert!(!said.contains("release:rehearsal"), "{said}");
    let pushed = crate::support::state::requests(&program);
    assert!(pushed.iter().all(|line| !line.starts_with("PUT")), "{pushed:?}");
}
