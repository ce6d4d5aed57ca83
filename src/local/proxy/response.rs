//! Responses of the proxy itself. The text stands in the status line and in the
//! body, because programs show either the one or the other.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;

/// A header that only responses of the proxy itself have.
pub const MARK: &str = "x-shipway-local";

pub fn refusal(status: StatusCode, text: &str) -> Response<Body> {
    let line = format!("shipway local: {text}");
    let mut answer = Response::new(Body::from(format!("{line}\n")));
    *answer.status_mut() = status;
    if let Ok(reason) = ReasonPhrase::try_from(line.into_bytes()) {
        answer.extensions_mut().insert(reason);
    }
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(MARK, HeaderValue::from_static("refused"));
    answer
}

pub fn password_required() -> Response<Body> {
    let text = "this proxy has a password, which is in the address that it printed";
    let mut answer = refusal(StatusCode::PROXY_AUTHENTICATION_REQUIRED, text);
    answer.headers_mut().insert(
        header::PROXY_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"shipway local\""),
    );
    answer
}
