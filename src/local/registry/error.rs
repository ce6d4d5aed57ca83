//! Error responses of the distribution specification ("Error Codes").

use super::upstream::UpstreamError;
use crate::local::files::FileError;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug)]
pub struct DistributionError {
    status: StatusCode,
    code: &'static str,
    message: String,
    detail: Vec<Value>,
    headers: Vec<(HeaderName, String)>,
}

impl DistributionError {
    pub fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        let message = message.to_owned();
        Self { status, code, message, detail: Vec::new(), headers: Vec::new() }
    }

    pub fn unknown_name(repository: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry")
            .about(json!({"name": repository}))
    }

    pub fn invalid_name(repository: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "NAME_INVALID", "invalid repository name")
            .about(json!({"name": repository}))
    }

    pub fn unknown_blob(digest: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry")
            .about(json!({"digest": digest}))
    }

    pub fn unknown_manifest(reference: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown")
            .about(json!({"name": reference}))
    }

    pub fn unknown_upload() -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
    }

    pub fn invalid_digest(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", why)
    }

    pub fn method() -> Self {
        let message = "the operation is unsupported";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    pub fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such endpoint")
    }

    /// Adds a detail. The response has one error for each.
    pub fn about(mut self, detail: Value) -> Self {
        self.detail.push(detail);
        self
    }

    pub fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn answer(self) -> Response<Body> {
        let error =
            |detail: Value| json!({"code": self.code, "message": self.message, "detail": detail});
        let errors: Vec<Value> = match self.detail.len() {
            0 => vec![error(Value::Null)],
            _ => self.detail.iter().cloned().map(error).collect(),
        };
        let mut answer = Response::new(Body::from(json!({"errors": errors}).to_string()));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        answer
    }
}

impl From<UpstreamError> for DistributionError {
    fn from(error: UpstreamError) -> Self {
        error.refused()
    }
}

impl From<Arc<UpstreamError>> for DistributionError {
    fn from(error: Arc<UpstreamError>) -> Self {
        error.refused()
    }
}

impl From<FileError> for DistributionError {
    fn from(error: FileError) -> Self {
        // With the cause, so that the client's message tells a full disk from a bug.
        let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &format!("{error}: {why}"))
    }
}
