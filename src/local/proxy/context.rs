//! What the answer to a request to the proxy needs.

use super::response::{denial, refusal};
use super::services::{Dial, PendingEntry, Services};
use crate::local::authority::Authority;
use crate::local::inventory::Inventory;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use std::sync::Arc;

/// Lists what the cloud holds.
pub type InventorySource = Arc<dyn Fn() -> BoxFuture<'static, Inventory> + Send + Sync>;

pub struct Proxy {
    pub services: Services,
    /// Issues the certificates that clients see inside tunnels.
    pub authority: Arc<Authority>,
    pub dial: Dial,
    /// The value of `Proxy-Authorization` that is let in.
    pub login: String,
    /// Whether requests to servers of this machine are let through.
    pub loopback: bool,
    pub inventory: InventorySource,
}

impl Proxy {
    /// Refuses a request, with an entry in the request log.
    pub fn refuse<B>(
        &self,
        request: &Request<B>,
        status: StatusCode,
        text: &str,
    ) -> Response<Body> {
        self.log(request, status);
        refusal(status, text)
    }

    /// Refuses a request to a host that is not part of the cloud, with an entry in the
    /// request log.
    pub fn deny<B>(&self, request: &Request<B>, text: &str) -> Response<Body> {
        self.log(request, StatusCode::FORBIDDEN);
        denial(text)
    }

    fn log<B>(&self, request: &Request<B>, status: StatusCode) {
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        PendingEntry::of(request, host).write_status(&self.services.log, status);
    }
}
