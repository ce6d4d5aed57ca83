//! Commit statuses.

use super::activity::{CommitStatus, now};
use super::context::{ApiCall, RepositoryContext};
use super::error::GithubApiError;
use super::page::page;
use super::shapes;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const STATES: [&str; 4] = ["error", "failure", "pending", "success"];

/// `POST /statuses/SHA`
pub fn create(
    context: &RepositoryContext,
    call: &ApiCall,
    sha: &str,
) -> Result<Response, GithubApiError> {
    if call.method != Method::POST {
        return Err(GithubApiError::not_found());
    }
    let state = call.text("state").unwrap_or_default();
    if !STATES.contains(&state) {
        return Err(GithubApiError::invalid(
            "Status",
            "state",
            "state is not included in the list",
        ));
    }
    let text = |name: &str| call.text(name).map(str::to_owned);
    let status = context.record.change::<_, GithubApiError>(|record| {
        let status = CommitStatus {
            id: record.next_id(),
            sha: sha.to_owned(),
            state: state.to_owned(),
            context: text("context").unwrap_or_else(|| "default".to_owned()),
            target_url: text("target_url"),
            description: text("description"),
            created_at: now(),
        };
        record.statuses.push(status.clone());
        Ok(status)
    })?;
    Ok((StatusCode::CREATED, Json(shapes::status(context, &status))).into_response())
}

/// `/commits/REF/statuses`: the newest first.
pub fn of_commit(context: &RepositoryContext, call: &ApiCall, of: &str) -> Response {
    let sha = context.resolve(of);
    let record = context.record.read();
    let own = record.statuses.iter().rev().filter(|status| status.sha == sha);
    let all: Vec<Value> = own.map(|status| shapes::status(context, status)).collect();
    page(context, &format!("commits/{of}/statuses"), &call.query, &all)
}

/// `/commits/REF/status`: the newest status of each context, and the combined
/// state.
pub fn combined(context: &RepositoryContext, of: &str) -> Response {
    let sha = context.resolve(of);
    let latest = latest(context, &sha);
    let any = |state: &[&str]| latest.iter().any(|one| state.contains(&one.state.as_str()));
    let state = match () {
        () if any(&["error", "failure"]) => "failure",
        () if latest.is_empty() || any(&["pending"]) => "pending",
        () => "success",
    };
    let statuses: Vec<Value> = latest.iter().map(|one| shapes::status(context, one)).collect();
    let url = format!("https://api.github.com/repos/{}/commits/{sha}", context.repository);
    Json(json!({
        "state": state, "statuses": statuses, "sha": sha, "total_count": latest.len(),
        "repository": shapes::repository(context), "commit_url": url,
        "url": format!("{url}/status"),
    }))
    .into_response()
}

/// The newest status of each context of a commit.
pub fn latest(context: &RepositoryContext, sha: &str) -> Vec<CommitStatus> {
    let record = context.record.read();
    let mut latest: Vec<CommitStatus> = Vec::new();
    for status in record.statuses.iter().rev().filter(|status| status.sha == sha) {
        if latest.iter().all(|one| one.context != status.context) {
            latest.push(status.clone());
        }
    }
    latest
}
