//! The storage of ACR Tasks: contexts are put there, and logs read (Blob service).

use super::runs::{Builds, Run};
use crate::local::arm::handle::Arm;
use axum::body::Body;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use std::io;
use std::path::Path;
use tokio::io::AsyncWriteExt as _;

const DOMAIN: &str = ".blob.core.windows.net";

/// Answers for the hosts of storage; gives the request back if its host is no such.
pub async fn answer(
    arm: &Arm,
    host: &str,
    request: Request<Body>,
) -> Result<Response<Body>, Request<Body>> {
    if !host.ends_with(DOMAIN) {
        return Err(request);
    }
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    if pairs.all(|(name, value)| name != "sig" || value != arm.builds.signature) {
        return Ok(refused(StatusCode::FORBIDDEN, "AuthenticationFailed"));
    }
    let path = request.uri().path().to_owned();
    let Some(path) = Builds::within(&path) else {
        return Ok(refused(StatusCode::NOT_FOUND, "ContainerNotFound"));
    };
    let method = request.method().clone();
    Ok(match (method, arm.builds.source_file(path), arm.builds.with_log(path)) {
        (Method::PUT, Some(file), _) => put(&file, request).await,
        (Method::GET | Method::HEAD, _, Some(run)) => log(&run, &request),
        _ => refused(StatusCode::NOT_FOUND, "BlobNotFound"),
    })
}

async fn put(file: &Path, request: Request<Body>) -> Response<Body> {
    let kind = request.headers().get("x-ms-blob-type").and_then(|value| value.to_str().ok());
    if kind != Some("BlockBlob") {
        return refused(StatusCode::BAD_REQUEST, "MissingRequiredHeader");
    }
    if !request.headers().contains_key(header::CONTENT_LENGTH) {
        return refused(StatusCode::LENGTH_REQUIRED, "MissingContentLengthHeader");
    }
    match store(file, request.into_body()).await {
        Ok(()) => with_status(StatusCode::CREATED),
        Err(error) => {
            tracing::debug!(%error, path = %file.display(), "a context cannot be stored");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
    }
}

async fn store(path: &Path, body: Body) -> io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(path).await?;
    let mut body = body.into_data_stream();
    while let Some(part) = body.next().await {
        file.write_all(&part.map_err(io::Error::other)?).await?;
    }
    file.flush().await
}

/// The log, or the part that `Range` names. Its metadata tells how the run has ended.
fn log(run: &Run, request: &Request<Body>) -> Response<Body> {
    let state = run.state();
    let Ok(text) = std::fs::read(run.log.path()) else {
        return refused(StatusCode::NOT_FOUND, "BlobNotFound");
    };
    let range = range(request.headers());
    let (first, last) = range.unwrap_or((0, usize::MAX));
    if range.is_some() && first >= text.len() {
        return refused(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
    }
    let end = text.len().min(last.saturating_add(1));
    let part = text.get(first..end).unwrap_or_default().to_vec();
    let ranged = range.is_some();
    let mut response =
        with_status(if ranged { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK });
    let headers = response.headers_mut();
    headers.insert("x-ms-blob-type", HeaderValue::from_static("AppendBlob"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.len()));
    if ranged {
        let shown = format!("bytes {first}-{}/{}", end.saturating_sub(1), text.len());
        insert(headers, header::CONTENT_RANGE.as_str(), &shown);
    }
    if state.finished.is_some() {
        insert(headers, "x-ms-meta-complete", &state.status.to_ascii_lowercase());
    }
    if request.method() != Method::HEAD {
        *response.body_mut() = Body::from(part);
    }
    response
}

/// The first and the last byte of `x-ms-range`, which comes first, or `Range`.
fn range(headers: &HeaderMap) -> Option<(usize, usize)> {
    let value = headers.get("x-ms-range").or_else(|| headers.get(header::RANGE))?;
    let (first, last) = value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
    Some((first.parse().ok()?, last))
}

fn with_status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("x-ms-version", HeaderValue::from_static("2019-07-07"));
    headers.insert(header::ETAG, HeaderValue::from_static("\"0x8D0000000000000\""));
    insert(headers, header::LAST_MODIFIED.as_str(), "Tue, 17 Feb 2026 23:41:03 GMT");
    response
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn refused(status: StatusCode, code: &'static str) -> Response<Body> {
    let mut response = with_status(status);
    response.headers_mut().insert("x-ms-error-code", HeaderValue::from_static(code));
    let text =
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code></Error>");
    *response.body_mut() = Body::from(text);
    response
}
