//! Answers that the endpoints have in common.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;

/// An error as the gateway of gRPC writes it.
pub fn refused(status: StatusCode, message: &str) -> Response {
    // InvalidArgument, or NotFound (google.rpc.Code).
    let code = if status == StatusCode::NOT_FOUND { 5 } else { 3 };
    (status, Json(json!({ "code": code, "message": message, "details": [] }))).into_response()
}

pub fn pem(content: String) -> Response {
    ([("content-type", "application/x-pem-file")], content).into_response()
}
