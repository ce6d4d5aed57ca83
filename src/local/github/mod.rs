//! GitHub's REST API, as far as a pipeline reports to it.

use crate::local::shared::Shared;
use axum::Router;
use std::sync::Arc;

/// All endpoints.
pub fn router(_shared: Arc<Shared>) -> Router {
    Router::new()
}
