//! Who may ask the registries' own port: a program that names this machine or a registry of
//! the cloud. A page in a browser can have its own name lead to this machine, but cannot hide
//! that name.

use super::context::Proxy;
use super::hosts::registry_name;
use super::loopback::is_loopback;
use super::response::refusal;
use super::services::{DIRECT_HOST, PendingEntry};
use crate::local::registry::Accounts;
use axum::body::Body;
use http::uri::Authority;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;

pub async fn answer(proxy: &Proxy, request: Request<Incoming>) -> Response<Body> {
    let services = &proxy.services;
    let Some(why) = refusal_of(&request, &services.registries.accounts) else {
        return services.answer_directly(request).await;
    };
    let answer = refusal(StatusCode::MISDIRECTED_REQUEST, &why);
    PendingEntry::of(&request, DIRECT_HOST).write(&services.log, &answer);
    answer
}

/// Why a request is refused; `None` for one that is answered.
fn refusal_of<B>(request: &Request<B>, accounts: &Accounts) -> Option<String> {
    let headers = request.headers();
    let named = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = named.or_else(|| text_of(headers, &header::HOST)).unwrap_or_default();
    let is_own = |authority: &Authority| is_of_cloud(authority, accounts);
    if !host.parse().is_ok_and(|authority| is_own(&authority)) {
        return Some(format!(
            "`{host}` is not a host of this registry; use 127.0.0.1, localhost or the host of a \
             registry of the local cloud"
        ));
    }
    let origin = text_of(headers, &header::ORIGIN)?;
    let uri: Option<Uri> = origin.parse().ok();
    let is_own = uri.as_ref().and_then(Uri::authority).is_some_and(is_own);
    (!is_own).then(|| format!("pages of `{origin}` may not read the registries of the local cloud"))
}

/// The text of a header, which may have any bytes.
fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(value.as_bytes().escape_ascii().to_string())
}

fn is_of_cloud(authority: &Authority, accounts: &Accounts) -> bool {
    let host = authority.host();
    let registry = registry_name(host, authority.port_u16().unwrap_or(80), accounts);
    is_loopback(host) || accounts.is_azure(host) || accounts.is_other(&registry)
}

#[cfg(test)]
mod tests {
    use super::refusal_of;
    use crate::local::registry::Accounts;
    use http::Request;

    fn accounts() -> Accounts {
        let state = tempfile::tempdir().expect("a folder");
        let initial = serde_json::from_str(
            r#"{
                "registries": [{"host": "demo.azurecr.io", "name": "demo", "resource-group": "g"}],
                "other-registries": [{"host": "ghcr.io"}]
            }"#,
        )
        .expect("an initial state");
        Accounts::open(state.path(), &initial).expect("made")
    }

    #[test]
    fn registry_port_answers_to_this_machine_and_the_registries_alone() {
        let accounts = accounts();
        let said = |host: &str, origin: Option<&str>| {
            let mut request = Request::get("/v2/_catalog").header("host", host);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            refusal_of(&request.body(()).expect("a request"), &accounts)
        };
        for host in
            ["127.0.0.1:5000", "localhost:5000", "LOCALHOST", "[::1]:5000", "Demo.azurecr.io"]
        {
            assert_eq!(said(host, None), None, "{host}");
        }
        assert_eq!(said("ghcr.io", Some("http://localhost:3000")), None);
        for host in ["evil.com", "evil.com:5000", "127.0.0.1.evil.com", "0.0.0.0:5000", "a b", ""] {
            let expected = format!(
                "`{host}` is not a host of this registry; use 127.0.0.1, localhost or the host of \
                 a registry of the local cloud"
            );
            assert_eq!(said(host, None), Some(expected));
        }
        for origin in ["https://evil.com", "null", "file://", "http://127.0.0.1.evil.com:80"] {
            let expected =
                format!("pages of `{origin}` may not read the registries of the local cloud");
            assert_eq!(said("127.0.0.1:5000", Some(origin)), Some(expected));
        }
        let without = Request::get("/v2/").body(()).expect("a request");
        assert_eq!(
            refusal_of(&without, &accounts).as_deref(),
            Some(
                "`` is not a host of this registry; use 127.0.0.1, localhost or the host of a \
                 registry of the local cloud"
            )
        );
    }
}
