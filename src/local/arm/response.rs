//! Responses and errors of Resource Manager.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

/// The URL at which a client follows an operation.
pub const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");

#[derive(Clone, Debug)]
pub struct ArmResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Option<Value>,
}

impl ArmResponse {
    pub fn new(status: StatusCode, body: Value) -> Self {
        Self { status, headers: HeaderMap::new(), body: Some(body) }
    }

    pub fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, body)
    }

    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: None }
    }

    /// `{"value": [...]}`.
    pub fn list(values: impl IntoIterator<Item = Value>) -> Self {
        let values: Vec<Value> = values.into_iter().collect();
        Self::ok(json!({ "value": values }))
    }

    /// Adds a header. A value that is not allowed in a header is left out.
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub fn into_response(self) -> Response<Body> {
        let body = self.body.map(|body| body.to_string());
        let mut response = Response::new(body.clone().map_or_else(Body::empty, Body::from));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if body.is_some() {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        response
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ArmError {
    pub status: StatusCode,
    pub code: String,
    pub message: String,
}

impl ArmError {
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    pub fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub fn missing(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 404 for a path that no handler answers.
    pub fn no_such_route(method: &Method, path: &str) -> Self {
        let message = format!("No route responds to {method} {path} in the local cloud.");
        Self::missing("InvalidResourceType", message)
    }

    /// 500: the state folder cannot be written, for example.
    pub fn broken(error: &dyn std::error::Error) -> Self {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        let message = format!("the local cloud failed: {error}{cause}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }
}

impl From<ArmError> for ArmResponse {
    fn from(refusal: ArmError) -> Self {
        let error = json!({ "code": refusal.code, "message": refusal.message });
        let answer = Self::new(refusal.status, json!({ "error": error }));
        // Resource Manager marks the 404s that are not the resource provider's.
        if refusal.status == StatusCode::NOT_FOUND && refusal.code.starts_with("Resource") {
            return answer.with(HeaderName::from_static("x-ms-failure-cause"), "gateway");
        }
        answer
    }
}
