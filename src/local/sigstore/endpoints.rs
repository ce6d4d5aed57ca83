//! Which endpoint answers a request.

use super::answers::refused;
use super::call::Call;
use super::state::Sigstore;
use super::{fulcio, job, rekor};
use crate::local::proxy::RequestHost;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Router};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;

const MAX_BODY_BYTES: usize = 1 << 20;

pub fn router(sigstore: Arc<Sigstore>) -> Router {
    Router::new().fallback(answer).with_state(sigstore)
}

async fn answer(
    State(sigstore): State<Arc<Sigstore>>,
    Extension(RequestHost(host)): Extension<RequestHost>,
    request: Request<Body>,
) -> Response {
    if host == job::HOST {
        return job::answer(&sigstore.tokens, &sigstore.hosts, &request);
    }
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let call = Call { sigstore: &sigstore, method: &parts.method, path: parts.uri.path(), body };
    let is_named = |names: &[String]| {
        names.iter().any(|name| name.split(':').next().is_some_and(|name| name == host))
    };
    let fulcio = is_named(&sigstore.hosts.fulcio).then(|| fulcio::answer(&call)).flatten();
    let found =
        fulcio.or_else(|| is_named(&sigstore.hosts.rekor).then(|| rekor::answer(&call)).flatten());
    found.unwrap_or_else(|| refused(StatusCode::NOT_FOUND, "Not Found"))
}
