//! Branches: one by its name, and the references that begin with a name.

use super::context::{ApiCall, RepositoryContext};
use super::error::GithubApiError;
use super::page::page;
use super::shapes;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::borrow::Cow;

/// `/branches/NAME`; a name may have several parts.
pub fn one(
    context: &RepositoryContext,
    call: &ApiCall,
    parts: &[&str],
) -> Result<Response, GithubApiError> {
    let name = name(call, parts)?;
    if context.branches().contains(name.as_str()) {
        return Ok(Json(shapes::branch(context, &name)).into_response());
    }
    Err(GithubApiError::new(404, "Branch not found"))
}

/// `/git/matching-refs/heads/NAME`: the branches that begin with the name.
pub fn matching(
    context: &RepositoryContext,
    call: &ApiCall,
    parts: &[&str],
) -> Result<Response, GithubApiError> {
    let start = name(call, parts)?;
    let found = context.branches().into_iter().filter(|name| name.starts_with(&start));
    let all: Vec<Value> = found.map(|name| shapes::reference(context, &name)).collect();
    Ok(page(context, &format!("git/matching-refs/heads/{start}"), &call.query, &all))
}

fn name(call: &ApiCall, parts: &[&str]) -> Result<String, GithubApiError> {
    if call.method != Method::GET {
        return Err(GithubApiError::not_found());
    }
    let joined = parts.join("/");
    let name = percent_decode_str(&joined).decode_utf8();
    name.map(Cow::into_owned).map_err(|_| GithubApiError::not_found())
}
