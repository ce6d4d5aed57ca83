//! Pull requests: by number, by branch, by commit.

use super::context::{ApiCall, RepositoryContext};
use super::error::GithubApiError;
use super::page::page;
use super::shapes;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use serde_json::Value;

/// `/pulls/N`
pub fn one(
    context: &RepositoryContext,
    call: &ApiCall,
    number: &str,
) -> Result<Response, GithubApiError> {
    require_get(call)?;
    let pull = context.pull(number)?;
    let record = context.record.read();
    let comments = record.comments.iter().filter(|comment| comment.issue == pull.number).count();
    Ok(Json(shapes::whole_pull_request(context, &pull, comments)).into_response())
}

/// `/pulls?state=&head=&base=`
pub fn all(context: &RepositoryContext, call: &ApiCall) -> Result<Response, GithubApiError> {
    require_get(call)?;
    let asked = |name: &str| call.query.get(name).map(String::as_str);
    // Without an owner it filters nothing.
    let head = asked("head").and_then(|head| head.split_once(':'));
    let found = context.pulls().into_iter().filter(|pull| {
        let from = pull.head_repository.as_deref().unwrap_or(&context.repository);
        let owner = from.split('/').next().unwrap_or_default();
        let is_head = |(asked, branch): (&str, &str)| {
            asked.eq_ignore_ascii_case(owner) && branch == pull.head_ref
        };
        let state = asked("state").unwrap_or("open");
        (state == "all" || state == pull.state)
            && head.is_none_or(is_head)
            && asked("base").is_none_or(|asked| asked == pull.base_ref)
    });
    let all: Vec<Value> = found.map(|pull| shapes::pull_request(context, &pull)).collect();
    Ok(page(context, "pulls", &call.query, &all))
}

/// `/commits/SHA/pulls`, without those that were closed and not merged.
pub fn of_commit(
    context: &RepositoryContext,
    call: &ApiCall,
    sha: &str,
) -> Result<Response, GithubApiError> {
    require_get(call)?;
    let found = context.pulls().into_iter();
    let found =
        found.filter(|pull| pull.state == "open" && (pull.head_sha == sha || pull.head_ref == sha));
    let all: Vec<Value> = found.map(|pull| shapes::pull_request(context, &pull)).collect();
    Ok(page(context, &format!("commits/{sha}/pulls"), &call.query, &all))
}

fn require_get(call: &ApiCall) -> Result<(), GithubApiError> {
    if call.method == Method::GET { Ok(()) } else { Err(GithubApiError::not_found()) }
}
