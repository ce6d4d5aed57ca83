//! Bodies of faults: those of error answers in the form of each service, and one that
//! breaks off.

use super::fault::FaultAnswer;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde_json::{Value, json};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// An error as the service of a host words it.
pub(super) fn refusal(host: &str, path: &str, answer: &FaultAnswer) -> Response<Body> {
    let body = error(host, path, answer);
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn error(host: &str, path: &str, answer: &FaultAnswer) -> Value {
    let FaultAnswer { code, message, .. } = answer;
    match host {
        "api.github.com" => json!({ "message": message }),
        host if host.starts_with("login.") => {
            let number = code.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            json!({
                "error": "invalid_request",
                "error_description": format!("{code}: {message}"),
                "error_codes": number.parse::<u32>().into_iter().collect::<Vec<_>>(),
            })
        }
        // The form of registries (OCI distribution specification, "Error Codes").
        _ if path.starts_with("/v2/") && !(code.is_empty() && message.is_empty()) => {
            let code = if code.is_empty() { usual_code(answer.status) } else { code };
            json!({ "errors": [{ "code": code, "message": message }] })
        }
        _ => json!({ "error": { "code": code, "message": message } }),
    }
}

fn usual_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN => "DENIED",
        StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS",
        _ => "UNKNOWN",
    }
}

/// An answer about a resource, in which its last change has failed.
pub(super) async fn with_failed_state(answer: Response<Body>) -> Response<Body> {
    if !answer.status().is_success() {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Response::from_parts(parts, Body::empty());
    };
    let Ok(mut resource) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    if let Some(state) = resource.pointer_mut("/properties/provisioningState") {
        *state = "Failed".into();
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(resource.to_string()))
}

/// A body that breaks off in the middle of its first part, though it says that it is whole.
pub(super) fn cut(body: Body) -> Body {
    Body::new(CutBody { body, is_cut: false })
}

struct CutBody {
    body: Body,
    is_cut: bool,
}

impl HttpBody for CutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let broken = || Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        if self.is_cut {
            return broken();
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.is_cut = true;
        match frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()) {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data.slice(..data.len() / 2))))),
            None => broken(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::FaultAnswer;
    use super::error;
    use http::StatusCode;

    #[test]
    fn each_service_words_errors_in_its_own_way() {
        let said = |host: &str, path: &str, code: &str| {
            let answer = FaultAnswer {
                status: StatusCode::FORBIDDEN,
                code: code.into(),
                message: "no".into(),
                retry_after: None,
            };
            error(host, path, &answer).to_string()
        };
        assert_eq!(
            said("management.azure.com", "/subscriptions/s", "Busy"),
            r#"{"error":{"code":"Busy","message":"no"}}"#
        );
        assert_eq!(
            said("demo.azurecr.io", "/v2/", ""),
            r#"{"errors":[{"code":"DENIED","message":"no"}]}"#
        );
        assert_eq!(said("api.github.com", "/repos", "X"), r#"{"message":"no"}"#);
        assert_eq!(
            said("login.microsoftonline.com", "/t/oauth2/v2.0/token", "AADSTS700016"),
            r#"{"error":"invalid_request","error_description":"AADSTS700016: no","error_codes":[700016]}"#
        );
    }
}
