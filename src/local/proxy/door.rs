//! Takes connections, asks for the password, and tells the three kinds of
//! request apart.

use super::answer::{password_required, said};
use super::services::{Answered, Dial, Noted, Services};
use super::{connect, forward};
use crate::local::authority::Authority;
use crate::local::files::FileError;
use crate::local::hidden::Hidden;
use crate::local::registry::Server;
use crate::local::shared::Shared;
use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// How long to wait when there are too many connections.
const PAUSE: Duration = Duration::from_millis(50);

/// What is read of a connection at once, and the most that the head of a request
/// may have: many bodies at the same time need little memory.
const BUFFER: usize = 64 * 1024;

/// The name in the proxy's URL.
const USER: &str = "shipway";

/// What a proxy is made of.
pub struct Setup {
    /// What all services share.
    pub shared: Arc<Shared>,
    /// Whose leaves it shows.
    pub authority: Arc<Authority>,
    /// Resource Manager.
    pub arm: Router,
    /// How containers are reached.
    pub dial: Dial,
}

/// The proxy.
pub struct Proxy {
    pub(super) services: Services,
    pub(super) authority: Arc<Authority>,
    pub(super) dial: Dial,
    /// What `Proxy-Authorization` must say.
    password: String,
}

impl Proxy {
    /// A proxy in front of all services.
    pub fn new(setup: Setup) -> Result<Arc<Self>, FileError> {
        let shared = setup.shared;
        let login = format!("{USER}:{}", shared.identity.proxy_password.expose());
        Ok(Arc::new(Self {
            services: Services {
                registry: Server::new(Arc::clone(&shared)),
                arm: setup.arm,
                entra: crate::local::entra::router(Arc::clone(&shared)),
                vault: crate::local::vault::router(Arc::clone(&shared)),
                github: crate::local::github::router(&shared)?,
                shared,
            },
            authority: setup.authority,
            dial: setup.dial,
            password: format!("Basic {}", STANDARD.encode(login)),
        }))
    }

    /// Takes connections for ever.
    pub async fn run(self: Arc<Self>, listener: TcpListener) {
        accept(listener, |stream| {
            let door = Arc::clone(&self);
            tokio::spawn(serve(stream, move |request| Arc::clone(&door).answer(request)));
        })
        .await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answered {
        let given = request.headers().get(header::PROXY_AUTHORIZATION);
        if request.uri().authority().is_none() {
            let text = "this is a proxy, and the request names no host to pass it on to";
            return Ok(said(StatusCode::BAD_REQUEST, text));
        }
        if given.is_none_or(|given| given.as_bytes() != self.password.as_bytes()) {
            return Ok(password_required());
        }
        Ok(match request.method() {
            &Method::CONNECT => connect::answer(self, request).await,
            _ => forward::answer(self, request).await,
        })
    }

    /// Says no and notes it.
    pub(super) fn refuse<B>(
        &self,
        request: &Request<B>,
        status: StatusCode,
        text: &str,
    ) -> http::Response<axum::body::Body> {
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        Noted::of(request, host).write_status(&self.services.shared, status);
        said(status, text)
    }
}

/// The URL of a proxy on a port, with its password.
pub fn proxy_url(shared: &Shared, port: u16) -> Hidden {
    let password = shared.identity.proxy_password.expose();
    Hidden::new(format!("http://{USER}:{password}@127.0.0.1:{port}"))
}

/// Takes connections to the registries for ever: plain HTTP, without the
/// proxy's password, for programs that know no proxy.
pub async fn answer_directly(proxy: Arc<Proxy>, listener: TcpListener) {
    accept(listener, |stream| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(serve(stream, move |request| {
            let proxy = Arc::clone(&proxy);
            async move { Ok(proxy.services.answer_directly(request).await) }
        }));
    })
    .await;
}

async fn accept(listener: TcpListener, take: impl Fn(TcpStream)) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, as a rule: other connections will end.
                tracing::warn!(%error, "the local cloud cannot take a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        take(stream);
    }
}

/// Answers the requests of one connection, one after the other.
pub(crate) async fn serve<S, F, R>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Answered> + Send,
{
    let connection = http1::Builder::new()
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .with_upgrades();
    // A client that goes away in the middle is its own affair.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection of the local cloud ended early");
    }
}
