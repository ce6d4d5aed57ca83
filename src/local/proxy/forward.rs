//! Requests for `http://` URLs: to a container, or to a registry that speaks plain
//! HTTP.

use super::context::Proxy;
use super::hosts::{Service, UnknownHost, registry_name, service};
use super::response::{broken_connection, no_connection, refusal};
use super::services::PendingEntry;
use super::stream::copy_both_ways;
use crate::local::runtime::ByteStream;
use axum::body::Body;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::sync::Arc;

/// Headers that are not forwarded (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("proxy-connection"),
];

pub async fn answer(proxy: Arc<Proxy>, request: Request<Incoming>) -> Response<Body> {
    let Some(authority) = request.uri().authority().cloned() else {
        return proxy.refuse(&request, StatusCode::BAD_REQUEST, "the URL names no host");
    };
    let (host, port) = (authority.host().to_owned(), authority.port_u16().unwrap_or(80));
    let services = &proxy.services;
    let accounts = &services.registries.accounts;
    match service(&host, port, accounts, &services.vaults) {
        Ok(Service::Container) => to_container(&proxy, request, &authority, port).await,
        Ok(Service::Registry) => {
            let name = registry_name(&host, port, accounts);
            services.answer(Service::Registry, &name, request).await
        }
        Ok(_) => {
            let text = format!("`{host}` speaks only TLS: use `https://`");
            proxy.refuse(&request, StatusCode::FORBIDDEN, &text)
        }
        Err(absent @ UnknownHost::Host { .. }) => proxy.deny(&request, &absent.to_string()),
        Err(absent @ UnknownHost::Resource { .. }) => {
            proxy.refuse(&request, StatusCode::BAD_GATEWAY, &absent.to_string())
        }
    }
}

async fn to_container(
    proxy: &Proxy,
    request: Request<Incoming>,
    authority: &Authority,
    port: u16,
) -> Response<Body> {
    let place = format!("{}:{port}", authority.host());
    let entry = PendingEntry::of(&request, &place);
    if proxy.services.access.is_taken(authority.host()) {
        // A container group of another owner, of which nothing more is known.
        let answer =
            refusal(StatusCode::NOT_FOUND, "the DNS label belongs to another container group");
        entry.write(&proxy.services.log, &answer);
        return answer;
    }
    let stream = match (proxy.dial)(authority.host().to_owned(), port).await {
        Ok(stream) => stream,
        Err(error) => {
            entry.write_status(&proxy.services.log, StatusCode::BAD_GATEWAY);
            return no_connection(&place, &error);
        }
    };
    match exchange(stream, request, authority).await {
        Ok(answer) => {
            entry.write(&proxy.services.log, &answer);
            answer
        }
        Err(error) => {
            entry.write_status(&proxy.services.log, StatusCode::BAD_GATEWAY);
            broken_connection(&place, &error)
        }
    }
}

/// Sends one request on a new connection. Connections to loopback are cheap, and
/// one that is never reused is never stale.
async fn exchange(
    stream: Box<dyn ByteStream>,
    mut request: Request<Incoming>,
    authority: &Authority,
) -> Result<Response<Body>, hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a container ended early");
        }
    });
    let client = hyper::upgrade::on(&mut request);
    let mut answer = sender.send_request(rewritten(request, authority)).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let container = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            if let Ok(container) = container.await {
                copy_both_ways(client, Box::new(TokioIo::new(container))).await;
            }
        });
    } else {
        strip(answer.headers_mut(), false);
    }
    Ok(answer.map(Body::new))
}

/// The request in origin form: the container must not notice the proxy.
fn rewritten(mut request: Request<Incoming>, authority: &Authority) -> Request<Incoming> {
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    let upgrade = request.headers().contains_key(header::UPGRADE);
    strip(request.headers_mut(), upgrade);
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

fn strip(headers: &mut HeaderMap, upgrade: bool) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    if !upgrade {
        let listed: Vec<String> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(',').map(|name| name.trim().to_owned()))
            .collect();
        for name in listed {
            headers.remove(name);
        }
        headers.remove(header::CONNECTION);
        headers.remove("keep-alive");
        headers.remove(header::UPGRADE);
    }
}
