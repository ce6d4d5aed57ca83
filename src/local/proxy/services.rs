//! Hands a request to the service whose name it bears, and notes that it did.

use super::hosts::Service;
use crate::local::registry::Server;
use crate::local::request_log::{Entry, shown};
use crate::local::shared::{AsyncReadWrite, Shared};
use axum::Router;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tower::ServiceExt as _;

/// The name that a request was sent to: an extension of each request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestHost(pub String);

/// Connects to a port of a container by its host name.
pub type Dial = Arc<
    dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Box<dyn AsyncReadWrite>>> + Send + Sync,
>;

/// Everything that can answer.
pub(super) struct Services {
    pub(super) shared: Arc<Shared>,
    pub(super) registry: Server,
    pub(super) arm: Router,
    pub(super) entra: Router,
    pub(super) vault: Router,
    pub(super) github: Router,
}

impl Services {
    /// The answer of a service, noted in the request log.
    pub(super) async fn answer(
        &self,
        service: Service,
        host: &str,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let mut noted = Noted::of(&request, host);
        let (mut request, received) = counted(request);
        if let Some(fault) = self.shared.faults.take(request.method(), host, request.uri().path()) {
            noted.write(&self.shared, &fault);
            return fault;
        }
        request.extensions_mut().insert(RequestHost(host.to_owned()));
        let answer = match service {
            Service::Registry => self.registry.answer(host, request).await,
            Service::Arm => ask(&self.arm, request).await,
            Service::Entra => ask(&self.entra, request).await,
            Service::Vault => ask(&self.vault, request).await,
            Service::GitHub => ask(&self.github, request).await,
            // Containers are reached by `forward`.
            Service::Container => Response::new(Body::empty()),
        };
        noted.entry.received = received.load(Ordering::Relaxed);
        noted.write(&self.shared, &answer);
        answer
    }

    /// The answer of the registries' own port.
    pub(super) async fn answer_directly(&self, request: Request<Incoming>) -> Response<Body> {
        let mut noted = Noted::of(&request, "direct");
        let (request, received) = counted(request);
        let answer = self.registry.answer_directly(request).await;
        noted.entry.received = received.load(Ordering::Relaxed);
        noted.write(&self.shared, &answer);
        answer
    }
}

/// A request, and the number of bytes of its body that have come so far.
fn counted(request: Request<Incoming>) -> (Request<Body>, Arc<AtomicU64>) {
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let request = request.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let bytes = frame.data_ref().map_or(0, bytes::Bytes::len);
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
            frame
        }))
    });
    (request, received)
}

async fn ask(router: &Router, request: Request<Body>) -> Response<Body> {
    match router.clone().oneshot(request).await {
        Ok(answer) => answer,
        Err(error) => match error {},
    }
}

/// A request that is not answered yet.
pub(super) struct Noted {
    pub(super) entry: Entry,
}

impl Noted {
    pub(super) fn of<B>(request: &Request<B>, host: &str) -> Self {
        Self {
            entry: Entry {
                time: String::new(),
                method: request.method().to_string(),
                host: host.to_owned(),
                path: shown(request.uri()),
                status: 0,
                received: 0,
                sent: 0,
            },
        }
    }

    pub(super) fn write(mut self, shared: &Shared, answer: &Response<Body>) {
        self.entry.sent = answer.body().size_hint().exact().unwrap_or_default();
        self.write_status(shared, answer.status());
    }

    pub(super) fn write_status(mut self, shared: &Shared, status: StatusCode) {
        self.entry.time = jiff::Timestamp::now().to_string();
        self.entry.status = status.as_u16();
        shared.log.add(&self.entry);
    }
}

/// What a connection's service returns: it always answers.
pub(super) type Answered = Result<Response<Body>, Infallible>;
