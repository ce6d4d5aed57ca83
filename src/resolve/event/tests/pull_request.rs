//! Which pull request an event is about.

use super::{event_of, fixtures, host, pull_request, shown};
use crate::resolve::Git;
use crate::resolve::event::{Checkout, Event, PullRequest, PullRequestQuery, github};
use crate::resolve::inputs::EventSource;
use serde_json::{Map, json};

#[test]
fn a_merged_pull_request_is_known_by_its_payload_not_by_the_reference() {
    let mut payload = pull_request(&json!({ "full_name": "acme/shop" }));
    payload["action"] = "closed".into();
    payload["pull_request"]["merged"] = true.into();
    let event = event_of("pull_request", payload);
    let found = PullRequest::find(&event, None, Some("refs/heads/main"));
    assert_eq!(
        shown(found.as_ref()),
        "pr-12 head 1234567 branch topic base main author ada fork no"
    );
    assert!(found.is_some_and(|found| found.closed));
    let context = github::context(Some(&event), &host(&[]));
    assert_eq!(context["ref"], "refs/heads/main");
}

#[test]
fn a_comment_counts_on_a_pull_request_alone() {
    let on_issue = event_of("issue_comment", json!({ "issue": { "number": 3 }, "comment": {} }));
    assert_eq!(PullRequest::find(&on_issue, None, None), None);
    let issue = json!({ "number": 3, "user": { "login": "eve" }, "pull_request": { "url": "x" } });
    let on_pull_request = event_of("issue_comment", json!({ "issue": issue, "comment": {} }));
    let found = PullRequest::find(&on_pull_request, None, Some("refs/heads/main"));
    assert_eq!(shown(found.as_ref()), "pr-3 head - branch - base - author eve fork -");

    // It is trusted only as far as GitHub tells more of it.
    let asked = PullRequestQuery::of(Some(&on_pull_request), found.as_ref(), &Map::new());
    assert_eq!(asked, Some(PullRequestQuery::Number(3)));
}

#[test]
fn a_push_is_for_the_pull_request_whose_head_it_is() {
    let asked = |name: &str, reference: &str, deleted: bool| {
        let repository = json!({ "full_name": "acme/shop", "default_branch": "main" });
        let payload = json!({
            "ref": reference, "after": "12ab", "deleted": deleted, "repository": repository,
        });
        let event = event_of(name, payload);
        let context = github::context(Some(&event), &host(&[]));
        PullRequestQuery::of(Some(&event), None, &context)
    };
    let query = asked("push", "refs/heads/a/b", false).expect("is asked");
    assert_eq!(
        query,
        PullRequestQuery::Branch {
            owner: "acme".to_owned(),
            branch: "a/b".to_owned(),
            commit: "12ab".to_owned(),
        }
    );
    for (name, reference, deleted) in [
        ("push", "refs/heads/main", false),
        ("push", "refs/tags/v1", false),
        ("push", "refs/heads/topic", true),
        ("push", "refs/heads/gh-readonly-queue/main/pr-1-12ab", false),
        ("schedule", "refs/heads/topic", false),
    ] {
        assert_eq!(asked(name, reference, deleted), None, "{name} {reference}");
    }
    let push = event_of("push", json!({}));
    let newer = PullRequest { head_sha: Some("newer".to_owned()), ..PullRequest::default() };
    assert_eq!(query.choose(Some(&push), vec![newer]), None);
}

#[test]
fn github_is_asked_only_for_what_the_event_leaves_out() {
    let mut files: Vec<_> = std::fs::read_dir(fixtures())
        .expect("the fixtures are there")
        .map(|entry| entry.expect("can be listed").path())
        .filter(|path| path.to_string_lossy().contains("pull_request_"))
        .collect();
    files.sort();
    assert!(files.len() > 10);
    for file in files {
        let event = Event::load(&EventSource::File(file), &host(&[]), &Git::default(), None)
            .expect("is an event");
        let context = github::context(event.as_ref(), &host(&[]));
        let found = event.as_ref().and_then(|event| PullRequest::find(event, None, None));
        assert!(found.is_some());
        assert_eq!(PullRequestQuery::of(event.as_ref(), found.as_ref(), &context), None);
    }
}

#[test]
fn a_checkout_is_compared_with_the_pull_request() {
    let found =
        PullRequest { number: 7, head_sha: Some("head".to_owned()), ..PullRequest::default() };
    let at = |head: &str, parents: &[&str]| Git {
        head: Some(head.to_owned()),
        parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
        ..Git::default()
    };
    let is = |git: &Git, merge: Option<&str>| Checkout::of(&found, git, merge);
    assert_eq!(is(&at("head", &["a"]), None), Checkout::Head);
    assert_eq!(is(&at("merge", &["base", "head"]), None), Checkout::Merge);
    assert_eq!(is(&at("merge", &["head", "base"]), None), Checkout::Other, "main into the branch");
    assert_eq!(is(&at("later", &["head"]), None), Checkout::Other);
    assert_eq!(is(&at("merge", &[]), Some("merge")), Checkout::Merge, "GitHub says so");
    assert_eq!(is(&at("main", &["x"]), Some("merge")), Checkout::Other);
    assert_eq!(is(&Git::default(), Some("merge")), Checkout::Unknown);
    let unknown = PullRequest { number: 7, ..PullRequest::default() };
    assert_eq!(Checkout::of(&unknown, &at("x", &[]), None), Checkout::Unknown);
}

#[test]
fn the_command_line_knows_better() {
    let event = event_of("pull_request", pull_request(&json!({ "full_name": "acme/shop" })));
    let same = PullRequest::find(&event, Some(12), None);
    assert_eq!(
        shown(same.as_ref()),
        "pr-12 head 1234567 branch topic base main author ada fork no"
    );
    let other = PullRequest::find(&event, Some(13), None);
    assert_eq!(shown(other.as_ref()), "pr-13 head - branch - base - author - fork -");
}

#[test]
fn references_and_queues_name_pull_requests() {
    let nothing = event_of("workflow_dispatch", json!({}));
    let by = |reference: &str| {
        PullRequest::find(&nothing, None, Some(reference)).map(|found| found.number)
    };
    assert_eq!(by("refs/pull/12/merge"), Some(12));
    assert_eq!(by("refs/pull/12/head"), Some(12));
    assert_eq!(by("refs/pull/x/head"), None);
    assert_eq!(by("refs/heads/pull/12/head"), None);
    let group = json!({ "merge_group": {
        "head_ref": "refs/heads/gh-readonly-queue/release/1.x/pr-104-929f",
        "base_ref": "refs/heads/release/1.x",
    } });
    let found = PullRequest::find(&event_of("merge_group", group), None, None);
    assert_eq!(shown(found.as_ref()), "pr-104 head - branch - base release/1.x author - fork no");
}
