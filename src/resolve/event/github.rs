//! The `github` context, as in Actions: from variables and the payload.
//!
//! It has no `token`: that is read as a secret, where it is needed.

use super::{Event, PullRequest};
use crate::resolve::inputs::HostEnvironment;
use serde_json::{Map, Value};

/// The members that come from variables.
const VARIABLES: [(&str, &str); 31] = [
    ("event_name", "GITHUB_EVENT_NAME"),
    ("event_path", "GITHUB_EVENT_PATH"),
    ("ref", "GITHUB_REF"),
    ("ref_name", "GITHUB_REF_NAME"),
    ("ref_type", "GITHUB_REF_TYPE"),
    ("ref_protected", "GITHUB_REF_PROTECTED"),
    ("head_ref", "GITHUB_HEAD_REF"),
    ("base_ref", "GITHUB_BASE_REF"),
    ("sha", "GITHUB_SHA"),
    ("actor", "GITHUB_ACTOR"),
    ("actor_id", "GITHUB_ACTOR_ID"),
    ("triggering_actor", "GITHUB_TRIGGERING_ACTOR"),
    ("repository", "GITHUB_REPOSITORY"),
    ("repository_id", "GITHUB_REPOSITORY_ID"),
    ("repository_owner", "GITHUB_REPOSITORY_OWNER"),
    ("repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID"),
    ("retention_days", "GITHUB_RETENTION_DAYS"),
    ("run_id", "GITHUB_RUN_ID"),
    ("run_number", "GITHUB_RUN_NUMBER"),
    ("run_attempt", "GITHUB_RUN_ATTEMPT"),
    ("workflow", "GITHUB_WORKFLOW"),
    ("workflow_ref", "GITHUB_WORKFLOW_REF"),
    ("workflow_sha", "GITHUB_WORKFLOW_SHA"),
    ("job", "GITHUB_JOB"),
    ("action", "GITHUB_ACTION"),
    ("action_path", "GITHUB_ACTION_PATH"),
    ("action_ref", "GITHUB_ACTION_REF"),
    ("action_repository", "GITHUB_ACTION_REPOSITORY"),
    ("server_url", "GITHUB_SERVER_URL"),
    ("api_url", "GITHUB_API_URL"),
    ("graphql_url", "GITHUB_GRAPHQL_URL"),
];

/// The members of the context; none without an event.
pub fn context(event: Option<&Event>, host: &HostEnvironment) -> Map<String, Value> {
    let Some(event) = event else { return Map::new() };
    let mut members = if event.is_ours() { Map::new() } else { from_payload(event) };
    if event.is_ours() {
        for (name, variable) in VARIABLES {
            if let Some(value) = host.var(variable) {
                members.insert(name.to_owned(), Value::from(value));
            }
        }
        members.insert(
            "ref_protected".to_owned(),
            (host.var("GITHUB_REF_PROTECTED") == Some("true")).into(),
        );
    }
    let workspace = host.var("GITHUB_WORKSPACE").map(str::to_owned);
    let workspace = workspace.unwrap_or_else(|| host.dir.display().to_string());
    members.insert("workspace".to_owned(), workspace.into());
    for (name, variable, default) in [
        ("server_url", "GITHUB_SERVER_URL", "https://github.com"),
        ("api_url", "GITHUB_API_URL", "https://api.github.com"),
        ("graphql_url", "GITHUB_GRAPHQL_URL", "https://api.github.com/graphql"),
    ] {
        members.insert(name.to_owned(), host.var(variable).unwrap_or(default).into());
    }
    members.insert("event".to_owned(), event.payload.clone());
    members
}

/// The members that Actions would set for an event that did not start this process.
fn from_payload(event: &Event) -> Map<String, Value> {
    let reference = reference(event);
    let name = ["refs/heads/", "refs/tags/", "refs/pull/"];
    let name = name.iter().find_map(|prefix| reference.as_deref()?.strip_prefix(prefix));
    let kind = reference
        .as_deref()
        .map(|found| if found.starts_with("refs/tags/") { "tag" } else { "branch" });
    let repository = event.text(&["repository", "full_name"]);
    let actor = event.text(&["sender", "login"]);
    let told = [
        ("event_name", Some(event.name.as_str())),
        ("ref", reference.as_deref()),
        ("ref_name", name),
        ("ref_type", kind),
        ("head_ref", event.text(&["pull_request", "head", "ref"])),
        ("base_ref", event.text(&["pull_request", "base", "ref"])),
        ("sha", commit(event)),
        ("actor", actor),
        ("triggering_actor", actor),
        ("repository", repository),
        (
            "repository_owner",
            repository.and_then(|name| name.split_once('/')).map(|(owner, _)| owner),
        ),
        ("run_id", Some("1")),
        ("run_number", Some("1")),
        ("run_attempt", Some("1")),
    ];
    let told =
        told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    told.collect()
}

fn reference(event: &Event) -> Option<String> {
    if event.name == "pull_request"
        && event.at(&["pull_request", "merged"]) != Some(&Value::Bool(true))
    {
        let number = PullRequest::find(event, None, None)?.number;
        return Some(format!("refs/pull/{number}/merge"));
    }
    if let Some(tag) = event.text(&["release", "tag_name"]) {
        return Some(format!("refs/tags/{tag}"));
    }
    let given = event.text(&["merge_group", "head_ref"]).or_else(|| event.text(&["ref"]));
    let branch = || {
        let base = event.text(&["pull_request", "base", "ref"]);
        base.or_else(|| event.text(&["repository", "default_branch"]))
    };
    match given {
        Some(given) if given.starts_with("refs/") => Some(given.to_owned()),
        Some(given) => Some(format!("refs/heads/{given}")),
        None => branch().map(|branch| format!("refs/heads/{branch}")),
    }
}

fn commit(event: &Event) -> Option<&str> {
    [
        ["pull_request", "merge_commit_sha"].as_slice(),
        &["pull_request", "head", "sha"],
        &["merge_group", "head_sha"],
        &["after"],
    ]
    .into_iter()
    .find_map(|path| event.text(path))
}
