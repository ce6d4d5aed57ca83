//! Accepts connections, checks the proxy's password, and tells `CONNECT` from
//! plain requests.

use super::context::Proxy;
use super::response::{password_required, refusal};
use super::services::{ProxyResult, or_reset};
use super::stream::serve;
use super::{connect, direct, forward};
use crate::local::hidden::Hidden;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// The pause after a connection could not be accepted.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// The user name in the proxy's URL.
const USER: &str = "shipway";

/// Serves the proxy until it is dropped.
pub async fn run(proxy: Arc<Proxy>, listener: TcpListener) {
    accept(listener, |stream| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(serve(stream, move |request| answer(Arc::clone(&proxy), request)));
    })
    .await;
}

async fn answer(proxy: Arc<Proxy>, request: Request<Incoming>) -> ProxyResult {
    let given = request.headers().get(header::PROXY_AUTHORIZATION);
    if request.uri().authority().is_none() {
        let text = "this is a proxy, and the request names no host to pass it on to";
        return Ok(refusal(StatusCode::BAD_REQUEST, text));
    }
    if given.is_none_or(|given| given.as_bytes() != proxy.login.as_bytes()) {
        return Ok(password_required());
    }
    or_reset(match request.method() {
        &Method::CONNECT => connect::answer(proxy, request).await,
        _ => forward::answer(proxy, request).await,
    })
}

/// The URL of the proxy with its password.
pub fn proxy_url(password: &Hidden, port: u16) -> Hidden {
    Hidden::new(format!("http://{USER}:{}@127.0.0.1:{port}", password.expose()))
}

/// The value of `Proxy-Authorization` that goes with [`proxy_url`].
pub fn proxy_login(password: &Hidden) -> String {
    format!("Basic {}", STANDARD.encode(format!("{USER}:{}", password.expose())))
}

/// Serves the registries in plain HTTP without the proxy and its password, for
/// programs that cannot use a proxy. Runs until it is dropped.
pub async fn answer_directly(proxy: Arc<Proxy>, listener: TcpListener) {
    accept(listener, |stream| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(serve(stream, move |request| {
            let proxy = Arc::clone(&proxy);
            async move { or_reset(direct::answer(&proxy, request).await) }
        }));
    })
    .await;
}

pub async fn accept(listener: TcpListener, take: impl Fn(TcpStream)) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Usually out of file descriptors, until other connections end.
                tracing::warn!(%error, "the local cloud cannot take a connection");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        take(stream);
    }
}
