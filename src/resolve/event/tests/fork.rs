//! Forks: what is known of them, and what they may.

use super::{event_of, pull_request};
use crate::http::Retryable as _;
use crate::resolve::Git;
use crate::resolve::event::{PullRequest, PullRequestQuery, Trust};
use serde_json::{Map, Value, json};

#[test]
fn a_fork_is_known_by_its_repository() {
    #[track_caller]
    fn case(head: &Value, fork: bool) {
        let found = PullRequest::find(&event_of("pull_request", pull_request(head)), None, None);
        assert_eq!(found.and_then(|found| found.fork), Some(fork), "{head}");
    }
    case(&json!({ "full_name": "acme/shop", "fork": true }), false);
    case(&json!({ "full_name": "eve/shop", "fork": true }), true);
    case(&Value::Null, true);
}

#[test]
fn dependabot_counts_as_a_fork() {
    let mut payload = pull_request(&json!({ "full_name": "acme/shop" }));
    payload["pull_request"]["user"]["login"] = "dependabot[bot]".into();
    let event = event_of("pull_request", payload);
    let found = PullRequest::find(&event, None, None);
    assert_eq!(found.as_ref().and_then(|found| found.fork), Some(true));
    let trust = Trust::of(Some(&event), found.as_ref(), &serde_json::Map::new());
    assert!(matches!(trust, Trust::Fork { why, .. } if why == "the pull request is dependabot's"));

    let push = event_of("push", json!({ "ref": "refs/heads/dependabot/x", "after": "12" }));
    let context = json!({ "actor": "dependabot[bot]" });
    let trust = Trust::of(Some(&push), None, context.as_object().expect("is one"));
    assert!(
        matches!(trust, Trust::Fork { why, .. } if why == "dependabot started it, which GitHub gives no secrets")
    );
}

#[test]
fn a_fork_is_one_without_an_event_too() {
    let looked_up = PullRequest { number: 7, fork: Some(true), ..PullRequest::default() };
    let trust = Trust::of(None, Some(&looked_up), &Map::new());
    assert!(
        matches!(trust, Trust::Fork { why, .. } if why == "the pull request comes from a fork")
    );
    assert_eq!(Trust::of(None, None, &Map::new()), Trust::Trusted);
}

#[test]
fn a_workflow_that_a_fork_started_names_no_pull_request() {
    let payload = json!({ "workflow_run": {
        "pull_requests": [],
        "head_branch": "topic",
        "head_sha": "12ab",
        "head_repository": { "full_name": "eve/shop", "owner": { "login": "eve" } },
        "repository": { "full_name": "acme/shop" },
    } });
    let event = event_of("workflow_run", payload);
    assert_eq!(PullRequest::find(&event, None, None), None);
    let trust = Trust::of(Some(&event), None, &serde_json::Map::new());
    assert!(
        matches!(trust, Trust::Fork { why, .. } if why == "a fork started the workflow that this one follows")
    );
    let asked = PullRequestQuery::of(Some(&event), None, &Map::new()).expect("is asked");
    assert_eq!(
        asked,
        PullRequestQuery::Branch {
            owner: "eve".to_owned(),
            branch: "topic".to_owned(),
            commit: "12ab".to_owned(),
        }
    );
    let one = |number: u64, head: &str, closed: bool| PullRequest {
        number,
        head_sha: Some(head.to_owned()),
        closed,
        ..PullRequest::default()
    };
    let chosen =
        |listed: Vec<PullRequest>| asked.choose(Some(&event), listed).map(|found| found.number);
    let closed = one(6, "12ab", true);
    assert_eq!(
        chosen(vec![closed.clone(), one(7, "other", false), one(8, "12ab", false)]),
        Some(8)
    );
    assert_eq!(chosen(vec![closed.clone(), one(7, "newer", false)]), Some(7));
    assert_eq!(chosen(vec![closed]), None);
}

#[test]
fn a_workflow_of_a_deleted_fork_is_known_by_its_commit() {
    let run = json!({ "head_branch": "topic", "head_sha": "12ab", "head_repository": null });
    let event = event_of("workflow_run", json!({ "workflow_run": run }));
    let asked = PullRequestQuery::of(Some(&event), None, &Map::new());
    assert_eq!(asked, Some(PullRequestQuery::Commit("12ab".to_owned())));
}

#[test]
fn a_fork_is_deployed_by_its_very_commit_alone() {
    let git = Git { head: Some("aaaa".to_owned()), ..Git::default() };
    let fork = Trust::Fork {
        head: Some("AAAA".to_owned()),
        why: "the pull request comes from a fork".to_owned(),
    };
    let said = |trust: &Trust, allowed: Option<&str>, git: &Git| {
        trust
            .deploy(allowed, git)
            .err()
            .map(|error| (error.to_string(), error.help().unwrap_or_default()))
    };
    assert_eq!(said(&Trust::Trusted, None, &git), None);
    assert_eq!(said(&fork, Some("aaaa"), &git), None);
    assert_eq!(
        said(&fork, None, &git),
        Some((
            "nothing is deployed, because the pull request comes from a fork".to_owned(),
            "a maintainer who has read commit AAAA can check it out and run with `--allow-fork-deploy AAAA`".to_owned()
        ))
    );
    assert_eq!(
        said(&fork, Some("aa"), &git),
        Some((
            "`--allow-fork-deploy` names aa, and the pull request's head is AAAA".to_owned(),
            "read what has changed since, and name the whole hash of the head".to_owned()
        ))
    );
    let merge = Git { head: Some("bbbb".to_owned()), ..Git::default() };
    assert_eq!(
        said(&fork, Some("aaaa"), &merge),
        Some((
            "`--allow-fork-deploy` names aaaa, and bbbb is checked out".to_owned(),
            "check out aaaa, with `ref:` of actions/checkout".to_owned()
        ))
    );
    let unknown = Trust::Fork { head: None, why: "x".to_owned() };
    assert_eq!(said(&unknown, Some("aaaa"), &git), None);
}
