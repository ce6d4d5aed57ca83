//! The responses of registries: error messages, and the headers that matter.

use crate::http::{self, RequestId, SafeUrl, parse_retry_after};
use crate::oci::Digest;
use crate::registry::error::Failure;
use serde::Deserialize;

/// How much of an error message is shown, in characters.
const MAX_MESSAGE_CHARS: usize = 500;
/// How much of the body of an error is read, in bytes.
const MAX_ERROR_BODY_BYTES: usize = 64 << 10;

/// The error of a response whose status is not a success, with the message of the
/// registry.
pub async fn refused(method: &str, response: reqwest::Response) -> http::Error {
    refused_with_digests(method, response).await.0
}

/// Like [`refused`], with the digests that the error names: a registry that refuses
/// a manifest names the blobs that it lacks.
pub async fn refused_with_digests(
    method: &str,
    response: reqwest::Response,
) -> (http::Error, Vec<Digest>) {
    let url = SafeUrl::new(response.url().clone());
    let status = response.status().as_u16();
    let retry_after = header(&response, "retry-after")
        .and_then(|value| parse_retry_after(value, jiff::Timestamp::now()));
    let request_id = RequestId::of(response.headers());
    let route = http::route_of_error(&response);
    // The status says enough where the body of an error cannot be read.
    let body = http::body(method, response, MAX_ERROR_BODY_BYTES).await.unwrap_or_default();
    let digests = digests(&String::from_utf8_lossy(&body));
    let (method, body) = (method.to_owned(), message(&body));
    (http::Error::Status { method, url, route, status, retry_after, body, request_id }, digests)
}

fn digests(text: &str) -> Vec<Digest> {
    text.match_indices("sha256:")
        .filter_map(|(at, _)| text.get(at..at + 71).and_then(|name| name.parse().ok()))
        .collect()
}

/// OCI distribution specification, "Error Codes".
#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorDetail>,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: serde_json::Value,
}

/// The message of an error, on one line, without control characters.
pub fn message(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(read) => read.errors.iter().map(ErrorDetail::message).collect::<Vec<_>>().join("; "),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    one_line(&text, MAX_MESSAGE_CHARS)
}

/// Text on one line, without control characters, cut to so many characters.
pub fn one_line(text: &str, max_chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    http::shortened(&line, max_chars)
}

impl ErrorDetail {
    fn message(&self) -> String {
        let Self { code, message, detail } = self;
        match detail {
            serde_json::Value::String(detail) if !message.contains(detail.as_str()) => {
                format!("{code}: {message} ({detail})")
            }
            _ => format!("{code}: {message}"),
        }
    }
}

/// A header as text.
pub fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// `Docker-Content-Digest`, where it holds a digest.
pub fn digest_header(response: &reqwest::Response) -> Option<Digest> {
    header(response, "docker-content-digest").and_then(|value| value.parse().ok())
}

/// Refuses a response that names another digest than the expected one.
pub fn verify_digest(response: &reqwest::Response, expected: &Digest) -> Result<(), Failure> {
    match digest_header(response) {
        Some(found) if found != *expected => {
            Err(Failure::Digest { expected: expected.clone(), found })
        }
        Some(_) | None => Ok(()),
    }
}

/// `Content-Length`, which a HEAD has too although it has no body.
pub fn length_header(response: &reqwest::Response) -> Option<u64> {
    header(response, "content-length").and_then(|value| value.parse().ok())
}

/// Whether the body begins at this byte of the content, as `Content-Range` says.
pub fn begins_at(response: &reqwest::Response, offset: u64) -> bool {
    header(response, "content-range")
        .is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn digests_in_an_error_are_found() {
        let one = super::Digest::of(b"one");
        let text = format!(r#"{{"detail":"{one}"}} sha256:12 and {one}"#);

        assert_eq!(super::digests(&text), [one.clone(), one]);
    }

    #[test]
    fn errors_are_shown_in_the_words_of_the_registry() {
        let body = br#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"},{"code":"X","message":"y","detail":"z"}]}"#;

        assert_eq!(message(body), "DENIED: requested access to the resource is denied; X: y (z)");
        assert_eq!(
            message(b"<html>\n <b>502</b>\x1b[31m </html>"),
            "<html> <b>502</b>[31m </html>"
        );
        assert_eq!(message(br#"{"errors":7}"#), r#"{"errors":7}"#);
        assert_eq!(message(&[b'x'; 9_000]).chars().count(), 500);
    }
}
