//! Responses of the proxy itself. The text stands in the status line and in the
//! body, because programs show either the one or the other.

use crate::local::runtime::ConnectError;
use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;
use std::io;

/// A header that only responses of the proxy itself have.
pub const MARK: &str = "x-shipway-local";

const PROXY_STATUS: &str = "proxy-status";

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
    set_proxy_status(&mut answer, &details("proxy_internal_response", text));
    answer
}

/// The response for a host that the proxy does not connect to, whatever is asked of it.
pub fn denial(text: &str) -> Response<Body> {
    let mut answer = refusal(StatusCode::FORBIDDEN, text);
    set_proxy_status(&mut answer, &details("http_request_denied", text));
    answer
}

/// The response where the proxy has no connection to a container.
pub fn no_connection(place: &str, error: &io::Error) -> Response<Body> {
    let text = format!("nothing answers at `{place}`: {error}");
    let mut answer = refusal(StatusCode::BAD_GATEWAY, &text);
    let listening = match error.get_ref().and_then(|inner| inner.downcast_ref::<ConnectError>()) {
        Some(ConnectError::Refused { listening, .. }) => listening.as_slice(),
        Some(
            ConnectError::NoSuchHost(_)
            | ConnectError::NotPublic { .. }
            | ConnectError::NotReady { .. },
        )
        | None => &[],
    };
    let listening: Vec<String> = listening.iter().map(ToString::to_string).collect();
    let status = if listening.is_empty() {
        "error=connection_refused".to_owned()
    } else {
        format!("error=connection_refused; listening=\"{}\"", listening.join(" "))
    };
    set_proxy_status(&mut answer, &status);
    answer
}

/// The response where a container closed the connection without an answer.
pub fn broken_connection(place: &str, error: &hyper::Error) -> Response<Body> {
    let text = format!("`{place}` took the request and gave no answer: {error}");
    let mut answer = refusal(StatusCode::BAD_GATEWAY, &text);
    set_proxy_status(&mut answer, &details("connection_terminated", &text));
    answer
}

/// Sets `Proxy-Status` (RFC 9209), which tells a response of the proxy from one of the
/// container with the same status.
fn set_proxy_status(answer: &mut Response<Body>, parameters: &str) {
    if let Ok(status) = HeaderValue::from_str(&format!("shipway; {parameters}")) {
        answer.headers_mut().insert(PROXY_STATUS, status);
    }
}

fn details(error: &str, text: &str) -> String {
    format!("error={error}; details=\"{}\"", text.replace(['"', '\\'], "'"))
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
