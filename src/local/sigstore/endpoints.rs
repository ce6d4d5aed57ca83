//! Which endpoint answers a request.

use super::answers::refused;
use super::call::Call;
use super::place::Place;
use super::state::Sigstore;
use super::{fulcio, job, rekor};
use crate::local::initial_state::SigstoreHosts;
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
    let call = |path| Call { sigstore: &sigstore, method: &parts.method, path, body: body.clone() };
    let below = |places: &[String]| -> Vec<&str> {
        let places = places.iter().map(|place| Place::of(place));
        places.filter_map(|place| place.path_of(&host, parts.uri.path())).collect()
    };
    let SigstoreHosts { fulcio, rekor, .. } = &sigstore.hosts;
    let certified = below(fulcio).into_iter().find_map(|path| fulcio::answer(&call(path)));
    let found =
        certified.or_else(|| below(rekor).into_iter().find_map(|path| rekor::answer(&call(path))));
    found.unwrap_or_else(|| refused(StatusCode::NOT_FOUND, "Not Found"))
}
