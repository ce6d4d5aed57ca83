//! What accounts may do in the repository.

use super::context::{ApiCall, RepositoryContext};
use super::error::GithubApiError;
use super::shapes;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use serde_json::json;

/// `/collaborators/LOGIN/permission`. Everyone may read a public repository.
pub fn permission(
    context: &RepositoryContext,
    call: &ApiCall,
    login: &str,
) -> Result<Response, GithubApiError> {
    if call.method != Method::GET {
        return Err(GithubApiError::not_found());
    }
    let role = context.role_of(login);
    // The older field knows no `maintain` and `triage`.
    let permission = match role {
        "maintain" => "write",
        "triage" => "read",
        other => other,
    };
    let body = json!({ "permission": permission, "role_name": role, "user": shapes::user(login) });
    Ok(Json(body).into_response())
}
