//! Comments on the pull request.

use super::activity::{Comment, now};
use super::context::{ApiCall, RepositoryContext};
use super::error::GithubApiError;
use super::page::page;
use super::shapes;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

/// GitHub counts characters, not bytes.
const MAX_COMMENT_CHARS: usize = 65_536;

/// `/issues/N/comments`
pub fn all(
    context: &RepositoryContext,
    call: &ApiCall,
    number: &str,
) -> Result<Response, GithubApiError> {
    let issue = context.pull(number)?.number;
    match call.method {
        Method::GET => {
            let record = context.record.read();
            let own = record.comments.iter().filter(|comment| comment.issue == issue);
            let all: Vec<Value> = own.map(|comment| shapes::comment(context, comment)).collect();
            Ok(page(context, &format!("issues/{issue}/comments"), &call.query, &all))
        }
        Method::POST => {
            let body = body(call)?;
            let comment = context.record.change::<_, GithubApiError>(|record| {
                let time = now();
                let id = record.next_id();
                let (created_at, updated_at) = (time.clone(), time);
                let comment = Comment { id, issue, body, created_at, updated_at };
                record.comments.push(comment.clone());
                Ok(comment)
            })?;
            let body = shapes::comment(context, &comment);
            let location = body["url"].as_str().unwrap_or_default().to_owned();
            let mut answer = (StatusCode::CREATED, Json(body)).into_response();
            if let Ok(location) = HeaderValue::from_str(&location) {
                answer.headers_mut().insert(header::LOCATION, location);
            }
            Ok(answer)
        }
        _ => Err(GithubApiError::not_found()),
    }
}

/// `/issues/comments/ID`
pub fn one(
    context: &RepositoryContext,
    call: &ApiCall,
    id: &str,
) -> Result<Response, GithubApiError> {
    let is_it = |comment: &Comment| comment.id.to_string() == id;
    match call.method {
        Method::GET => {
            let record = context.record.read();
            let found = record.comments.iter().find(|comment| is_it(comment));
            let found = found.ok_or_else(GithubApiError::not_found)?;
            Ok(Json(shapes::comment(context, found)).into_response())
        }
        Method::PATCH => {
            let body = body(call);
            let changed = context.record.change::<_, GithubApiError>(|record| {
                let found = record.comments.iter_mut().find(|comment| is_it(comment));
                let found = found.ok_or_else(GithubApiError::not_found)?;
                found.body = body?;
                found.updated_at = now();
                Ok(found.clone())
            })?;
            Ok(Json(shapes::comment(context, &changed)).into_response())
        }
        Method::DELETE => context.record.change(|record| {
            let before = record.comments.len();
            record.comments.retain(|comment| !is_it(comment));
            if record.comments.len() == before {
                return Err(GithubApiError::not_found());
            }
            Ok(StatusCode::NO_CONTENT.into_response())
        }),
        _ => Err(GithubApiError::not_found()),
    }
}

fn body(call: &ApiCall) -> Result<String, GithubApiError> {
    let body = call
        .text("body")
        .ok_or_else(|| GithubApiError::new(422, "Invalid request.\n\n\"body\" wasn't supplied."))?;
    if body.trim().is_empty() {
        return Err(GithubApiError::invalid("IssueComment", "body", "body cannot be blank"));
    }
    if body.chars().count() > MAX_COMMENT_CHARS {
        let text = "body is too long (maximum is 65536 characters)";
        return Err(GithubApiError::invalid("IssueComment", "body", text));
    }
    Ok(body.to_owned())
}
