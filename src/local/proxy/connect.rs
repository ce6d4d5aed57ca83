//! `CONNECT` (RFC 9110, section 9.3.6): TLS to a service, or bytes to a
//! container.

use super::context::Proxy;
use super::hosts::{Service, UnknownHost, registry_name};
use super::loopback::{self, is_loopback};
use super::response::{no_connection, refusal};
use super::services::{PendingEntry, or_reset};
use super::stream::{copy_both_ways, serve};
use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;

/// The first byte of a TLS handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

pub async fn answer(proxy: Arc<Proxy>, mut request: Request<Incoming>) -> Response<Body> {
    let authority = request.uri().authority().cloned();
    let Some((host, port)) =
        authority.as_ref().and_then(|all| Some((all.host().to_owned(), all.port_u16()?)))
    else {
        return refusal(StatusCode::BAD_REQUEST, "`CONNECT` needs a host and a port");
    };
    let services = &proxy.services;
    let accounts = &services.registries.accounts;
    match services.of_host(&host, port) {
        Err(UnknownHost::Host { .. }) if proxy.loopback && is_loopback(&host) => {
            loopback::connect(&host, port, request).await
        }
        Err(absent @ UnknownHost::Host { .. }) => proxy.deny(&request, &absent.to_string()),
        Err(absent @ UnknownHost::Resource { .. }) => {
            proxy.refuse(&request, StatusCode::BAD_GATEWAY, &absent.to_string())
        }
        Ok(Service::Container) => match (proxy.dial)(host.clone(), port).await {
            Err(error) => {
                let place = format!("{host}:{port}");
                PendingEntry::of(&request, &place)
                    .write_status(&services.log, StatusCode::BAD_GATEWAY);
                no_connection(&place, &error)
            }
            Ok(container) => {
                PendingEntry::of(&request, &format!("{host}:{port}"))
                    .write_status(&services.log, StatusCode::OK);
                tokio::spawn(copy_both_ways(hyper::upgrade::on(&mut request), container));
                Response::new(Body::empty())
            }
        },
        Ok(service) => {
            let name = match service {
                Service::Registry => registry_name(&host, port, accounts),
                _ => host.to_ascii_lowercase(),
            };
            let asked = TunnelTarget { service, name, host: host.to_ascii_lowercase() };
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                if let Err(error) = converse(proxy, asked, upgrade).await {
                    tracing::debug!(%error, "a tunnel of the local cloud ended early");
                }
            });
            Response::new(Body::empty())
        }
    }
}

struct TunnelTarget {
    service: Service,
    /// The registry or host by the name that the service uses.
    name: String,
    /// The name that the client connects to and expects in the certificate. It
    /// differs for Docker Hub: `docker.io` in references, `registry-1.docker.io` here.
    host: String,
}

/// Serves requests inside a tunnel: over TLS, or in plain HTTP where the client
/// treats a registry as insecure. The first byte tells which.
async fn converse(proxy: Arc<Proxy>, asked: TunnelTarget, upgrade: OnUpgrade) -> io::Result<()> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let mut stream = PeekedStream { first: None, rest: TokioIo::new(upgraded) };
    let first = stream.rest.read_u8().await?;
    stream.first = Some(first);
    let TunnelTarget { service, name, host } = asked;
    let authority = Arc::clone(&proxy.authority);
    let requests = move |request| {
        let (proxy, name) = (Arc::clone(&proxy), name.clone());
        async move { or_reset(proxy.services.answer(service, &name, request).await) }
    };
    if first != TLS_HANDSHAKE {
        serve(stream, requests).await;
        return Ok(());
    }
    let config = authority.server(&host).map_err(io::Error::other)?;
    serve(TlsAcceptor::from(config).accept(stream).await?, requests).await;
    Ok(())
}

/// A stream whose first byte was read ahead.
struct PeekedStream {
    first: Option<u8>,
    rest: TokioIo<Upgraded>,
}

impl AsyncRead for PeekedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.rest).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeekedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_shutdown(context)
    }
}
