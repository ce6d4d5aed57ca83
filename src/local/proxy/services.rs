//! Passes requests to services and logs them.

use super::hosts::{Service, UnknownHost, service};
use crate::local::access::Access;
use crate::local::faults::{ConnectionReset, Faults, answered};
use crate::local::github::EventPullRequest;
use crate::local::registry::{Registries, RegistryServer};
use crate::local::request_log::{LoggedRequest, RequestLog, logged_path};
use crate::local::runtime::ByteStream;
use crate::local::sigstore::Sigstore;
use crate::local::vault::Vaults;
use axum::Router;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tower::ServiceExt as _;

/// The host name that a request was sent to, as a request extension.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestHost(pub String);

/// Connects to a port of a container by host name.
pub type Dial =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> + Send + Sync>;

/// The logged host of requests to the registries' own port.
pub const DIRECT_HOST: &str = "direct";

/// All services, and what the proxy needs to choose one and to log it.
pub struct Services {
    pub registry: RegistryServer,
    pub arm: Router,
    pub entra: Router,
    pub graph: Router,
    pub vault: Router,
    pub github: Router,
    /// `None` where no plan names a Fulcio or a Rekor.
    pub sigstore: Option<SigstoreService>,
    pub pull_request: EventPullRequest,
    pub registries: Arc<Registries>,
    pub vaults: Arc<Vaults>,
    pub faults: Arc<Faults>,
    pub access: Arc<Access>,
    pub log: RequestLog,
}

/// A Fulcio and a Rekor, and the hosts that they have.
pub struct SigstoreService {
    pub state: Arc<Sigstore>,
    pub router: Router,
}

impl Services {
    /// Which service answers for a host.
    pub fn of_host(&self, host: &str, port: u16) -> Result<Service, UnknownHost> {
        if self.sigstore.as_ref().is_some_and(|it| it.state.answers_for(host, port)) {
            return Ok(Service::Sigstore);
        }
        service(host, port, &self.registries.accounts, &self.vaults)
    }

    /// The response of a service, or of an injected fault.
    pub async fn answer(
        &self,
        service: Service,
        host: &str,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let mut entry = PendingEntry::of(&request, host);
        let (mut request, received) = counted(request);
        request.extensions_mut().insert(RequestHost(host.to_owned()));
        let serve = async |request| match service {
            Service::Registry => self.registry.answer(host, request).await,
            Service::Arm => ask(&self.arm, request).await,
            Service::Entra => ask(&self.entra, request).await,
            Service::Graph => ask(&self.graph, request).await,
            Service::Vault => ask(&self.vault, request).await,
            Service::GitHub => ask(&self.github, request).await,
            Service::Sigstore => match &self.sigstore {
                Some(it) => ask(&it.router, request).await,
                None => unreachable!("only a Sigstore that is there has hosts"),
            },
            Service::Container => unreachable!("`connect` and `forward` connect to containers"),
        };
        let answer = answered(&self.faults, host, request, serve).await;
        entry.request.received = received.load(Ordering::Relaxed);
        entry.write(&self.log, &answer);
        answer
    }

    /// The response to a request that was sent to the registries' own port and not through
    /// the proxy.
    pub async fn answer_directly(&self, request: Request<Incoming>) -> Response<Body> {
        let mut entry = PendingEntry::of(&request, DIRECT_HOST);
        let (request, received) = counted(request);
        let serve = async |request| self.registry.answer_directly(request).await;
        let answer = answered(&self.faults, DIRECT_HOST, request, serve).await;
        entry.request.received = received.load(Ordering::Relaxed);
        entry.write(&self.log, &answer);
        answer
    }
}

/// Counts the bytes of the body while the service reads it.
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

/// The log entry of a request that is not answered yet.
pub struct PendingEntry {
    pub request: LoggedRequest,
}

impl PendingEntry {
    pub fn of<B>(request: &Request<B>, host: &str) -> Self {
        Self {
            request: LoggedRequest {
                time: String::new(),
                method: request.method().to_string(),
                host: host.to_owned(),
                path: logged_path(request.uri()),
                status: 0,
                received: 0,
                sent: 0,
            },
        }
    }

    pub fn write(mut self, log: &RequestLog, answer: &Response<Body>) {
        self.request.sent = answer.body().size_hint().exact().unwrap_or_default();
        self.write_status(log, answer.status());
    }

    pub fn write_status(mut self, log: &RequestLog, status: StatusCode) {
        self.request.time = jiff::Timestamp::now().to_string();
        self.request.status = status.as_u16();
        log.add(&self.request);
    }
}

/// An error that makes hyper close the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection was reset by an injected fault")]
pub struct InjectedReset;

/// A response, or the order to close the connection.
pub type ProxyResult = Result<Response<Body>, InjectedReset>;

/// Turns a response that stands for an injected reset into an error.
pub fn or_reset(response: Response<Body>) -> ProxyResult {
    match response.extensions().get::<ConnectionReset>() {
        Some(_) => Err(InjectedReset),
        None => Ok(response),
    }
}
