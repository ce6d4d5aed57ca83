//! Authenticates and routes requests, and adds the headers that all responses
//! have.

use super::context::{ApiCall, RepositoryContext};
use super::error::GithubApiError;
use super::head::EventPullRequest;
use super::{branches, collaborators, comments, deployments, pulls, shapes, statuses};
use crate::local::files::FileError;
use crate::local::hidden::Hidden;
use crate::local::initial_state::GitHubRepository;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// All endpoints. Without a repository, everything is 404.
pub fn router(
    github: Option<&GitHubRepository>,
    pull_request: EventPullRequest,
    token: Hidden,
    state: &Path,
) -> Result<Router, FileError> {
    let Some(github) = github else {
        return Ok(Router::new().fallback(async || GithubApiError::not_found()));
    };
    let context = RepositoryContext::open(github, pull_request, token, state)?;
    Ok(Router::new().fallback(answer).with_state(Arc::new(context)))
}

async fn answer(State(context): State<Arc<RepositoryContext>>, request: Request<Body>) -> Response {
    let answered = match admit(&context, request.headers()) {
        Ok(()) => perform(&context, request).await,
        Err(fault) => Err(fault),
    };
    let mut answer = answered.unwrap_or_else(axum::response::IntoResponse::into_response);
    let headers = answer.headers_mut();
    let common = [
        ("x-github-media-type", "github.v3; format=json"),
        ("x-github-api-version-selected", "2022-11-28"),
        ("x-ratelimit-limit", "1000"),
        ("x-ratelimit-remaining", "999"),
        ("x-ratelimit-used", "1"),
        ("x-ratelimit-resource", "core"),
    ];
    for (name, value) in common {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let reset = crate::local::entra::now() + 3_600;
    headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    answer
}

fn admit(context: &RepositoryContext, headers: &HeaderMap) -> Result<(), GithubApiError> {
    if !headers.contains_key(header::USER_AGENT) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a \
                    User-Agent header";
        return Err(GithubApiError::new(403, text));
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.ok_or_else(|| GithubApiError::new(401, "Requires authentication"))?;
    let (scheme, token) = given.split_once(' ').unwrap_or_default();
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    if known && context.accepts(token.trim()) {
        return Ok(());
    }
    Err(GithubApiError::new(401, "Bad credentials"))
}

async fn perform(
    context: &RepositoryContext,
    request: Request<Body>,
) -> Result<Response, GithubApiError> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let call = read(request).await?;
    let numbered = format!("repositories/{}/", context.repository_id);
    let named = format!("repos/{}/", context.repository).to_lowercase();
    let lower = path.to_lowercase();
    let below = path
        .strip_prefix(&numbered)
        .or_else(|| lower.starts_with(&named).then(|| &path[named.len()..]));
    let Some(below) = below else {
        return alone(context, &call, &path);
    };
    let parts: Vec<&str> = below.split('/').collect();
    if call.method != Method::GET && permission(&parts).is_some_and(|it| !context.may_write(it)) {
        return Err(GithubApiError::not_for_integrations());
    }
    match parts.as_slice() {
        ["issues", number, "comments"] => comments::all(context, &call, number),
        ["issues", "comments", id] => comments::one(context, &call, id),
        ["branches", name @ ..] if !name.is_empty() => branches::one(context, &call, name),
        ["git", "matching-refs", "heads", name @ ..] => branches::matching(context, &call, name),
        ["collaborators", login, "permission"] => collaborators::permission(context, &call, login),
        ["pulls"] => pulls::all(context, &call),
        ["pulls", number] => pulls::one(context, &call, number),
        ["commits", sha, "pulls"] => pulls::of_commit(context, &call, sha),
        ["commits", of, "status"] => Ok(statuses::combined(context, of)),
        ["commits", of, "statuses"] => Ok(statuses::of_commit(context, &call, of)),
        ["statuses", sha] => statuses::create(context, &call, sha),
        ["deployments"] => deployments::all(context, &call),
        ["deployments", id] => deployments::one(context, &call, id),
        ["deployments", id, "statuses"] => deployments::statuses(context, &call, id),
        ["deployments", id, "statuses", status] => deployments::status(context, id, status),
        // Deleting an environment needs administrator rights.
        ["environments", _] if call.method == Method::DELETE => {
            Err(GithubApiError::not_for_integrations())
        }
        _ => Err(GithubApiError::not_found()),
    }
}

/// The permission that writing to an endpoint needs.
fn permission(parts: &[&str]) -> Option<&'static str> {
    match parts {
        ["issues", ..] => Some("pull-requests"),
        ["statuses", ..] => Some("statuses"),
        ["deployments", ..] => Some("deployments"),
        _ => None,
    }
}

/// Endpoints that are not below the repository.
fn alone(
    context: &RepositoryContext,
    call: &ApiCall,
    path: &str,
) -> Result<Response, GithubApiError> {
    let own = format!("repos/{}", context.repository);
    match (call.method.as_str(), path) {
        ("GET", "user") if context.login.ends_with("[bot]") => {
            Err(GithubApiError::not_for_integrations())
        }
        ("GET", "user") => Ok(Json(shapes::user(&context.login)).into_response()),
        ("GET", "rate_limit") => {
            let reset = crate::local::entra::now() + 3_600;
            let core = json!({"limit": 1_000, "used": 1, "remaining": 999, "reset": reset});
            Ok(Json(json!({"resources": {"core": core}, "rate": core})).into_response())
        }
        ("GET", path) if path.eq_ignore_ascii_case(&own) => {
            Ok(Json(shapes::repository(context)).into_response())
        }
        _ => Err(GithubApiError::not_found()),
    }
}

async fn read(request: Request<Body>) -> Result<ApiCall, GithubApiError> {
    let query = request.uri().query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let method = request.method().clone();
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let bytes =
        body.map_err(|error| GithubApiError::new(400, &format!("cannot read the body: {error}")))?;
    let bytes = bytes.to_bytes();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes)
            .map_err(|_| GithubApiError::new(400, "Problems parsing JSON"))?
    };
    Ok(ApiCall { method, query, body })
}
