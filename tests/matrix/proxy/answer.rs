//! The answer to one request: the server's own, a changed one, or none.

use super::Shared;
use super::request_key::request_key;
use super::rule::{Act, AnswerFault, Refusal};
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::io;
use std::time::Duration;

/// The connection is closed instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

/// The size of an oversized body.
const OVERSIZED_CHUNKS: usize = 16_384;
const OVERSIZED_CHUNK: &[u8] = &[b' '; 65_536];

/// Headers that are not forwarded (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::HOST,
    HeaderName::from_static("proxy-connection"),
];

pub async fn answer(
    shared: &Shared,
    scheme: &str,
    host: &str,
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    let act = shared.take(request_key(request.method(), host, request.uri()));
    let path = request.uri().path_and_query().expect("a path").to_string();
    let url = format!("{scheme}://{host}{path}");
    let method = request.method().clone();
    match act {
        Some(Act::CloseBefore) => return Err(Closed),
        Some(Act::SignalBefore(signal)) => shared.send(signal)?,
        Some(Act::Refuse(refusal)) => return Ok(refuse(refusal)),
        Some(Act::Redirect) => return Ok(redirect(&url)),
        Some(Act::Delay(time)) => tokio::time::sleep(time).await,
        Some(_) | None => {}
    }
    let (response, body) = forward(shared, &url, request).await?;
    match act {
        Some(Act::CloseAfter) => Err(Closed),
        Some(Act::SignalAfter(signal)) => {
            shared.send(signal)?;
            Ok(whole(&method, response, body))
        }
        Some(Act::RefuseAfter(refusal)) => Ok(refuse(refusal)),
        Some(Act::Answer(fault)) => Ok(changed(fault, response, body)),
        Some(_) | None => Ok(whole(&method, response, body)),
    }
}

fn refuse(Refusal { status, retry_after }: Refusal) -> Response<Body> {
    let body = r#"{"error":{"code":"Injected","message":"an injected fault"},"message":"an injected fault"}"#;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// A redirect to the same URL.
fn redirect(url: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let location = HeaderValue::from_str(url).expect("a URL");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Sends a request to the cloud. The body of its answer is apart.
async fn forward(
    shared: &Shared,
    url: &str,
    request: Request<Incoming>,
) -> Result<(Response<()>, Bytes), Closed> {
    let (parts, body) = request.into_parts();
    // A program that was killed sends no more: neither does the server get the rest.
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let mut headers = parts.headers;
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    let sent = shared.upstream.request(parts.method, url).headers(headers).body(body);
    let received = sent.send().await.map_err(|_| Closed)?;
    let mut response = Response::new(());
    *response.status_mut() = received.status();
    *response.headers_mut() = received.headers().clone();
    for name in HOP_BY_HOP {
        response.headers_mut().remove(name);
    }
    Ok((response, received.bytes().await.map_err(|_| Closed)?))
}

/// The answer as it came. The length of one to HEAD is that of a body that is not sent.
fn whole(method: &Method, response: Response<()>, body: Bytes) -> Response<Body> {
    let has_body = method != Method::HEAD;
    response.map(|()| if has_body { Body::from(body) } else { Body::empty() })
}

fn changed(fault: AnswerFault, response: Response<()>, body: Bytes) -> Response<Body> {
    let length = body.len();
    match fault {
        AnswerFault::Truncated => {
            let half = body.slice(..length / 2);
            response.map(|()| broken(half))
        }
        AnswerFault::LengthTooGreat => with_length(response, length + 100).map(|()| broken(body)),
        AnswerFault::LengthTooSmall => {
            let half = body.slice(..length / 2);
            with_length(response, length / 2).map(|()| Body::from(half))
        }
        AnswerFault::Oversized => {
            let chunks = (0..OVERSIZED_CHUNKS).map(|_| Ok(Bytes::from_static(OVERSIZED_CHUNK)));
            without_length(response).map(|()| streamed(chunks.collect()))
        }
        AnswerFault::WrongType => typed(response, "text/plain").map(|()| Body::from(body)),
        AnswerFault::Portal => {
            let page = "<!doctype html><title>Sign in</title><p>Sign in to this network</p>";
            typed(good(response), "text/html").map(|()| Body::from(page))
        }
        AnswerFault::Garbage => {
            let bytes: Vec<u8> = (0..512_u32).map(|at| (at * 7919 % 251) as u8).collect();
            good(response).map(|()| Body::from(bytes))
        }
        AnswerFault::OtherJson(text) => {
            typed(good(response), "application/json").map(|()| Body::from(text))
        }
        AnswerFault::Empty => good(response).map(|()| Body::empty()),
        AnswerFault::SlowDrip => {
            let step = (length / 20).max(1);
            let pieces: Vec<Bytes> =
                (0..length).step_by(step).map(|at| body.slice(at..length.min(at + step))).collect();
            let slow = stream::unfold(pieces.into_iter(), async |mut pieces| {
                tokio::time::sleep(Duration::from_millis(30)).await;
                pieces.next().map(|piece| (Ok::<_, io::Error>(piece), pieces))
            });
            response.map(|()| Body::from_stream(slow))
        }
    }
}

/// With status 200, and none of the headers that describe the body.
fn good(response: Response<()>) -> Response<()> {
    let mut response = without_length(response);
    *response.status_mut() = StatusCode::OK;
    for name in ["docker-content-digest", "location", "etag", "content-type"] {
        response.headers_mut().remove(name);
    }
    response
}

fn without_length(mut response: Response<()>) -> Response<()> {
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn with_length(mut response: Response<()>, length: usize) -> Response<()> {
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

fn typed(mut response: Response<()>, kind: &'static str) -> Response<()> {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// These bytes, and then the connection breaks.
fn broken(bytes: Bytes) -> Body {
    streamed(vec![Ok(bytes), Err(io::ErrorKind::ConnectionReset.into())])
}

fn streamed(chunks: Vec<io::Result<Bytes>>) -> Body {
    Body::from_stream(stream::iter(chunks))
}
