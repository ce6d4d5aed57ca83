//! What the proxy says itself, in words that a person finds in the output of
//! whatever program asked: in the status line and in the body.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;

/// Marks answers of the proxy itself, so that nobody takes them for those of a
/// container.
pub(super) const MARK: &str = "x-shipway-local";

/// An answer with a line of text.
pub(super) fn said(status: StatusCode, text: &str) -> Response<Body> {
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

/// The answer to a request without the proxy's password.
pub(super) fn password_required() -> Response<Body> {
    let text = "this proxy has a password, which is in the address that it printed";
    let mut answer = said(StatusCode::PROXY_AUTHENTICATION_REQUIRED, text);
    answer.headers_mut().insert(
        header::PROXY_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"shipway local\""),
    );
    answer
}
