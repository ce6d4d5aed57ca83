//! What registries answer: their errors in words, and the headers that matter.

use crate::http::{self, SafeUrl, parse_retry_after};
use crate::oci::Digest;
use crate::registry::error::Failure;
use serde::Deserialize;

/// The longest text of an error that is shown.
const SHOWN: usize = 500;

/// Turns an answer into the error it is, in the words of the registry.
pub(in crate::registry) async fn refused(method: &str, response: reqwest::Response) -> http::Error {
    refused_with(method, response).await.0
}

/// The same, with the digests that the answer speaks of: a manifest is refused
/// by naming the blobs that are not there.
pub(in crate::registry) async fn refused_with(
    method: &str,
    response: reqwest::Response,
) -> (http::Error, Vec<Digest>) {
    let url = SafeUrl::new(response.url().clone());
    let status = response.status().as_u16();
    let retry_after = header(&response, "retry-after")
        .and_then(|value| parse_retry_after(value, jiff::Timestamp::now()));
    // The text of an error is not missed where it cannot be read.
    let body = http::body(method, response, 64 << 10).await.unwrap_or_default();
    let digests = digests(&String::from_utf8_lossy(&body));
    let (method, body) = (method.to_owned(), words(&body));
    (http::Error::Status { method, url, status, retry_after, body }, digests)
}

fn digests(text: &str) -> Vec<Digest> {
    text.match_indices("sha256:")
        .filter_map(|(at, _)| text.get(at..at + 71).and_then(|name| name.parse().ok()))
        .collect()
}

/// OCI distribution specification, "Error Codes".
#[derive(Deserialize)]
struct Errors {
    errors: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: serde_json::Value,
}

pub(in crate::registry) fn words(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Errors>(body) {
        Ok(read) => read.errors.iter().map(One::words).collect::<Vec<_>>().join("; "),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

impl One {
    fn words(&self) -> String {
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
pub(in crate::registry) fn header<'a>(
    response: &'a reqwest::Response,
    name: &str,
) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// `Docker-Content-Digest`, where it is there and a digest.
pub(in crate::registry) fn digest_of(response: &reqwest::Response) -> Option<Digest> {
    header(response, "docker-content-digest").and_then(|value| value.parse().ok())
}

/// Refuses an answer that names another digest than the one that is meant.
pub(in crate::registry) fn expect_digest(
    response: &reqwest::Response,
    expected: &Digest,
) -> Result<(), Failure> {
    match digest_of(response) {
        Some(found) if found != *expected => {
            Err(Failure::Digest { expected: expected.clone(), found })
        }
        Some(_) | None => Ok(()),
    }
}

/// `Content-Length`, of a HEAD too.
pub(in crate::registry) fn length_of(response: &reqwest::Response) -> Option<u64> {
    header(response, "content-length").and_then(|value| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_digests_in_an_answer_are_found() {
        let one = super::Digest::of(b"one");
        let text = format!(r#"{{"detail":"{one}"}} sha256:12 and {one}"#);

        assert_eq!(super::digests(&text), [one.clone(), one]);
    }

    #[test]
    fn errors_are_said_in_the_words_of_the_registry() {
        let body = br#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"},{"code":"X","message":"y","detail":"z"}]}"#;

        assert_eq!(words(body), "DENIED: requested access to the resource is denied; X: y (z)");
        assert_eq!(words(b"<html>\n <b>502</b>\x1b[31m </html>"), "<html> <b>502</b>[31m </html>");
        assert_eq!(words(br#"{"errors":7}"#), r#"{"errors":7}"#);
        assert_eq!(words(&[b'x'; 9_000]).len(), 500);
    }
}
