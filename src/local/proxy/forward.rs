//! Requests for `http://` URLs: to a container, or to a registry that speaks plain
//! HTTP.

use super::context::Proxy;
use super::control;
use super::hosts::{Service, UnknownHost, is_app, registry_name};
use super::loopback::{self, is_loopback};
use super::response::{broken_connection, no_connection, refusal};
use super::services::PendingEntry;
use crate::local::exchange::exchange;
use crate::local::faults::answered;
use axum::body::Body;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::sync::Arc;

pub async fn answer(proxy: Arc<Proxy>, request: Request<Incoming>) -> Response<Body> {
    let Some(authority) = request.uri().authority().cloned() else {
        return proxy.refuse(&request, StatusCode::BAD_REQUEST, "the URL names no host");
    };
    let (host, port) = (authority.host().to_owned(), authority.port_u16().unwrap_or(80));
    if host.eq_ignore_ascii_case(control::HOST) {
        return control::answer(&proxy, request).await;
    }
    let services = &proxy.services;
    let accounts = &services.registries.accounts;
    match services.of_host(&host, port) {
        Ok(Service::Container) => to_container(&proxy, request, &authority, port).await,
        Ok(Service::Registry) => {
            let name = registry_name(&host, port, accounts);
            services.answer(Service::Registry, &name, request).await
        }
        Ok(Service::Arm) if is_app(&host) => to_https(&proxy, &request, authority.host()),
        Ok(_) => {
            let text = format!("`{host}` speaks only TLS: use `https://`");
            proxy.refuse(&request, StatusCode::FORBIDDEN, &text)
        }
        Err(UnknownHost::Host { .. }) if proxy.loopback && is_loopback(&host) => {
            loopback::forward(&authority, request).await
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
    let exchanged = async |request| match exchange(stream, request, authority).await {
        Ok(answer) => answer,
        Err(error) => broken_connection(&place, &error),
    };
    let faults = &proxy.services.faults;
    let answer = answered(faults, authority.host(), request.map(Body::new), exchanged).await;
    entry.write(&proxy.services.log, &answer);
    answer
}

/// Sends a client to the same place over TLS, as the ingress of apps does.
fn to_https(proxy: &Proxy, request: &Request<Incoming>, host: &str) -> Response<Body> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut answer = proxy.refuse(request, StatusCode::MOVED_PERMANENTLY, "use TLS");
    if let Ok(location) = HeaderValue::from_str(&format!("https://{host}{path}")) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}
