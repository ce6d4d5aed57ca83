//! Connections of the program to the proxy: `CONNECT`, TLS, plain HTTP.

use super::answer::{Closed, answer};
use super::rule::{Act, ConnectionFault};
use super::{Shared, certificates};
use crate::proxy::request_key::connection_key;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Accepts connections until it is dropped.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let respond = move |request: Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move {
                    if request.method() == Method::CONNECT {
                        return connect(shared, request);
                    }
                    let host = request.uri().authority().expect("a proxied URL").to_string();
                    answer(&shared, "http", &host, request).await
                }
            };
            let served =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
            // Connections that break are the purpose.
            drop(served.with_upgrades().await);
        });
    }
}

fn connect(shared: Arc<Shared>, mut request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let authority = request.uri().authority().expect("a host").to_string();
    let fault = match shared.take(connection_key(&authority)) {
        Some(Act::Connection(fault)) => Some(fault),
        Some(Act::SignalBefore(signal) | Act::SignalAfter(signal)) => {
            shared.send(signal)?;
            None
        }
        Some(_) | None => None,
    };
    match fault {
        Some(ConnectionFault::Refused(status)) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            return Ok(response);
        }
        Some(ConnectionFault::Closed) => return Err(Closed),
        Some(_) | None => {}
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            drop(tunnel(shared, authority, TokioIo::new(upgraded), fault).await);
        }
    });
    Ok(Response::new(Body::empty()))
}

/// Serves the requests inside of a tunnel.
async fn tunnel(
    shared: Arc<Shared>,
    authority: String,
    mut stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    fault: Option<ConnectionFault>,
) -> io::Result<()> {
    let host = authority.strip_suffix(":443").unwrap_or(&authority).to_owned();
    if fault == Some(ConnectionFault::NoTls) {
        return stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    }
    let acceptor = TlsAcceptor::from(certificates::server(&host, fault));
    let mut stream = acceptor.accept(stream).await?;
    if fault == Some(ConnectionFault::NoHttp) {
        // A request must have come, else this counts as a connection that went stale.
        stream.read_u8().await?;
        stream.write_all(b"220 mail.example.com ESMTP\r\n\r\n").await?;
        return stream.shutdown().await;
    }
    let respond = move |request| {
        let (shared, host) = (Arc::clone(&shared), host.clone());
        async move { answer(&shared, "https", &host, request).await }
    };
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
    served.await.map_err(io::Error::other)
}
