//! Error responses in GitHub's JSON shape.

use crate::local::files::FileError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

#[derive(Debug)]
pub struct GithubApiError {
    status: StatusCode,
    message: String,
    errors: Option<Value>,
}

impl GithubApiError {
    pub fn new(status: u16, message: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, message: message.to_owned(), errors: None }
    }

    pub fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    /// For what the token of a workflow may not do.
    pub fn not_for_integrations() -> Self {
        Self::new(403, "Resource not accessible by integration")
    }

    /// 422 for one field. An empty message means that the field is missing.
    pub fn invalid(resource: &str, field: &str, message: &str) -> Self {
        let code = if message.is_empty() { "missing_field" } else { "custom" };
        let mut error = json!({"resource": resource, "code": code, "field": field});
        if !message.is_empty() {
            error["message"] = json!(message);
        }
        Self { errors: Some(json!([error])), ..Self::new(422, "Validation Failed") }
    }

    pub fn with(mut self, errors: Value) -> Self {
        self.errors = Some(errors);
        self
    }
}

impl IntoResponse for GithubApiError {
    fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.as_u16().to_string(),
        });
        if let Some(errors) = self.errors {
            body["errors"] = errors;
        }
        (self.status, Json(body)).into_response()
    }
}

impl From<FileError> for GithubApiError {
    fn from(error: FileError) -> Self {
        Self::new(500, &error.to_string())
    }
}
