//! Events as GitHub sends them.

use super::{Checkout, Event, EventOrigin, PullRequest, PullRequestQuery, Trust, github};
use crate::http::Retryable;
use crate::resolve::inputs::EventSource;
use crate::resolve::{Git, HostEnvironment};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/github")
}

fn host(env: &[(&str, &str)]) -> HostEnvironment {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HostEnvironment { env, dir: PathBuf::from("/src/shop") }
}

fn event_of(name: &str, payload: Value) -> Event {
    Event { name: name.to_owned(), payload, origin: EventOrigin::File }
}

fn shown(found: Option<&PullRequest>) -> String {
    let Some(found) = found else { return "none".to_owned() };
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{} head {:.7} branch {} base {} author {} fork {}",
        found.slug(),
        text(&found.head_sha),
        text(&found.branch),
        text(&found.base),
        text(&found.author),
        found.fork.map_or("-", |fork| if fork { "yes" } else { "no" }),
    )
}

#[test]
fn every_payload_of_github() {
    let mut files: Vec<_> = std::fs::read_dir(fixtures())
        .expect("the fixtures are there")
        .map(|entry| entry.expect("can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut table = String::new();
    for file in files {
        let name = file.file_name().expect("has one").to_string_lossy().into_owned();
        let source = EventSource::File(file);
        let event = Event::load(&source, &host(&[]), &Git::default(), None)
            .expect("is an event")
            .expect("is there");
        let context = github::context(Some(&event), &host(&[]));
        let told = |member: &str| context.get(member).and_then(Value::as_str);
        let found = PullRequest::find(&event, None, told("ref"));
        let trust = Trust::of(Some(&event), found.as_ref(), &context);
        writeln!(
            table,
            "{name}\n  {} at {} by {}",
            event.name,
            told("ref").unwrap_or("-"),
            told("actor").unwrap_or("-")
        )
        .expect("a string takes everything");
        writeln!(table, "  {}", shown(found.as_ref())).expect("a string takes everything");
        if let Trust::Fork { why, .. } = &trust {
            writeln!(table, "  not trusted: {why}").expect("a string takes everything");
        }
        if found.as_ref().is_some_and(|found| found.closed) {
            writeln!(table, "  closed").expect("a string takes everything");
        }
        if let Some(asked) = PullRequestQuery::of(Some(&event), found.as_ref(), &context) {
            writeln!(table, "  GitHub is asked: {asked:?}").expect("a string takes everything");
        }
    }
    insta::assert_snapshot!(table);
}

fn pull_request(head: &Value) -> Value {
    json!({
        "pull_request": {
            "number": 12,
            "user": { "login": "ada" },
            "head": { "ref": "topic", "sha": "1234567890", "repo": head },
            "base": { "ref": "main", "repo": { "full_name": "acme/shop", "fork": true } },
        },
    })
}

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

#[test]
fn actions_say_what_the_event_is() {
    let folder = tempfile::tempdir().expect("can be made");
    let path = folder.path().join("event.json");
    std::fs::write(&path, r#"{"number": 12}"#).expect("can be written");
    let host = host(&[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_PATH", &path.to_string_lossy()),
        ("GITHUB_REF", "refs/pull/12/merge"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_TOKEN", "ghs_hunter22"),
        ("GITHUB_API_URL", "https://ghes.example/api/v3"),
        ("GITHUB_WORKSPACE", "/home/runner/shop"),
    ]);
    let event = Event::load(&EventSource::EnvironmentOrPullRequest, &host, &Git::default(), None)
        .expect("can be read")
        .expect("is there");
    let context = github::context(Some(&event), &host);
    let shown = serde_json::to_string_pretty(&context).expect("is JSON");
    assert_eq!(
        shown.replace(&*path.to_string_lossy(), "PATH"),
        r#"{
  "event_name": "pull_request",
  "event_path": "PATH",
  "ref": "refs/pull/12/merge",
  "repository": "acme/shop",
  "api_url": "https://ghes.example/api/v3",
  "ref_protected": false,
  "workspace": "/home/runner/shop",
  "server_url": "https://github.com",
  "graphql_url": "https://api.github.com/graphql",
  "event": {
    "number": 12
  }
}"#
    );
}

#[test]
fn outside_of_actions_there_is_no_event_unless_one_is_asked_for() {
    let host = host(&[("USER", "ada")]);
    let git = Git {
        sha: Some("12ab".to_owned()),
        branch: Some("topic".to_owned()),
        remote: Some("git@github.com:acme/shop.git".to_owned()),
        ..Git::default()
    };
    let load =
        |source: EventSource| Event::load(&source, &host, &git, Some(7)).expect("can be had");
    assert_eq!(load(EventSource::Environment), None);
    assert_eq!(github::context(None, &host), serde_json::Map::new());

    let event = load(EventSource::EnvironmentOrPullRequest).expect("is simulated");
    let context = github::context(Some(&event), &host);
    assert_eq!(context["ref"], "refs/pull/7/merge");
    assert_eq!(context["repository"], "acme/shop");
    let found = PullRequest::find(&event, None, None);
    assert_eq!(shown(found.as_ref()), "pr-7 head 12ab branch topic base main author ada fork no");

    let event = load(EventSource::Push).expect("is simulated");
    let context = github::context(Some(&event), &host);
    assert_eq!(
        (&context["event_name"], &context["ref"]),
        (&json!("push"), &json!("refs/heads/topic"))
    );
    assert_eq!((&context["ref_name"], &context["sha"]), (&json!("topic"), &json!("12ab")));
}

#[test]
fn what_is_no_event() {
    let folder = tempfile::tempdir().expect("can be made");
    let said = |text: Option<&str>| {
        let path = folder.path().join("event.json");
        let _gone = std::fs::remove_file(&path);
        if let Some(text) = text {
            std::fs::write(&path, text).expect("can be written");
        }
        let source = EventSource::parse("event.json", folder.path());
        let error = Event::load(&source, &host(&[]), &Git::default(), None).expect_err("no event");
        error.to_string().replace(&*path.to_string_lossy(), "PATH")
    };
    assert_eq!(said(None), "cannot read the event in `PATH`");
    assert_eq!(said(Some("{")), "the event in `PATH` is not JSON");
    assert_eq!(said(Some("[]")), "`PATH` is not an event of GitHub");
    assert_eq!(said(Some(r#"{"x": 1}"#)), "`PATH` is not an event of GitHub");
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
