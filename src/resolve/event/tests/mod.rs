//! Events as GitHub sends them.

mod fork;
mod pull_request;

use crate::plan::read;
use crate::resolve::event::{Event, EventOrigin, PullRequest, PullRequestQuery, Trust, github};
use crate::resolve::inputs::{EventSource, ResolveInputs, ResolveRequest};
use crate::resolve::{Git, HostEnvironment, Resolved};
use crate::secret::Redactor;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/github")
}

fn host(env: &[(&str, &str)]) -> HostEnvironment {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HostEnvironment { env, dir: PathBuf::from("/src/shop"), cloud_repository: None }
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

const PLAN: &str = "\
name: shop
environments:
  preview:
    if: pr.number && !github.event.pull_request.draft
  live:
    if: github.event_name == 'push' && github.ref == 'refs/heads/master'
  release:
    if: github.event_name == 'release' || startsWith(github.ref, 'refs/tags/')
steps: [{ run: x }]
";

/// The commit that is reported, and the environment of the plan.
fn resolved(source: EventSource) -> String {
    let plan = read(PLAN).plan.expect("a plan");
    let (host, redactor) = (host(&[]), Redactor::default());
    let inputs = ResolveInputs { plan: &plan, host: &host, redactor: &redactor, allowed: None };
    let request = ResolveRequest { event: source, any_tree: true, ..ResolveRequest::default() };
    let resolved = Resolved::resolve(&inputs, &request).expect("resolved");
    let commit = resolved.pull_request.as_ref().and_then(|found| found.head_sha.as_deref());
    let commit = commit.or_else(|| resolved.told("sha").filter(|sha| !sha.is_empty()));
    let commit = commit.unwrap_or("-");
    let environment = resolved.environment.as_ref().map_or("-", |chosen| chosen.name.as_str());
    format!("commit {commit:.7} environment {environment}")
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
        writeln!(table, "  {}", resolved(source.clone())).expect("a string takes everything");
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
