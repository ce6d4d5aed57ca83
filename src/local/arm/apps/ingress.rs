//! What answers at the host of an app: a revision that gets its requests. TLS ends before
//! it, and the program is asked in plain HTTP.

use super::super::handle::Arm;
use super::records::settled;
use super::traffic;
use crate::local::exchange::exchange;
use axum::body::Body;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, header};

/// What the service says for an app that it does not have.
const UNAVAILABLE: &str = "Error 404 - This Container App is stopped or does not exist.";

/// What the service says while no revision takes connections.
const UNCONNECTED: &str = "upstream connect error or disconnect/reset before headers. reset \
                           reason: connection failure";

pub async fn answer(arm: &Arm, host: &str, mut request: Request<Body>) -> Response<Body> {
    let host = host.to_ascii_lowercase();
    let found = arm.store.read().apps.values().find(|app| app.answers_at(&host)).cloned();
    let Some(app) = found else { return said(StatusCode::NOT_FOUND, UNAVAILABLE) };
    let Ok(app) = settled(arm, app).await else {
        return said(StatusCode::BAD_GATEWAY, UNCONNECTED);
    };
    let mut turn = [0; 8];
    // Without random numbers, the first revision gets the request.
    getrandom::fill(&mut turn).ok();
    let revision = traffic::revision_for(&app, &host, u64::from_le_bytes(turn));
    let (Some(revision), Some(port)) = (revision, app.target_port()) else {
        return said(StatusCode::SERVICE_UNAVAILABLE, UNCONNECTED);
    };
    if app.stopped {
        return said(StatusCode::NOT_FOUND, UNAVAILABLE);
    }
    let Ok(stream) = arm.runtime.connect(&app.host_of(&revision), port).await else {
        return said(StatusCode::SERVICE_UNAVAILABLE, UNCONNECTED);
    };
    let Ok(authority) = host.parse::<Authority>() else {
        return said(StatusCode::BAD_REQUEST, "the host is no host");
    };
    let headers = request.headers_mut();
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    match exchange(Box::new(stream), request, &authority).await {
        Ok(answer) => answer,
        Err(_) => said(StatusCode::BAD_GATEWAY, UNCONNECTED),
    }
}

fn said(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
