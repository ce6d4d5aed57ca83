//! A way for browsers, which take no password in the address of a proxy: a port of its own, with
//! a file that tells a browser which hosts it is for.
//!
//! It answers for the public names of container groups and apps alone. Anyone may ask those at
//! Azure too, so that nothing is given to other users of this machine that a password keeps.

use super::context::Proxy;
use super::hosts::{PUBLIC_DOMAINS, is_public};
use super::response::refusal;
use super::services::{PendingEntry, ProxyResult, or_reset};
use super::stream::serve;
use super::{connect, forward, listener};
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where the file is, on the port itself.
pub const PAC_PATH: &str = "/proxy.pac";

/// Serves the port until it is dropped.
pub async fn run_for_browsers(proxy: Arc<Proxy>, port: TcpListener) {
    let number = port.local_addr().map_or(0, |address| address.port());
    listener::accept(port, |stream| {
        let proxy = Arc::clone(&proxy);
        let answer = move |request| answer(Arc::clone(&proxy), number, request);
        tokio::spawn(serve(stream, answer));
    })
    .await;
}

async fn answer(proxy: Arc<Proxy>, port: u16, request: Request<Incoming>) -> ProxyResult {
    let Some(host) = request.uri().authority().map(|authority| authority.host().to_owned()) else {
        return Ok(own(port, &request));
    };
    if !is_public(&host) {
        let text = format!(
            "`{host}` is not the name of a container group or an app; the proxy with a password \
             reaches the rest of the local cloud"
        );
        let answer = refusal(StatusCode::FORBIDDEN, &text);
        PendingEntry::of(&request, &host).write(&proxy.services.log, &answer);
        return Ok(answer);
    }
    or_reset(match request.method() {
        &Method::CONNECT => connect::answer(proxy, request).await,
        _ => forward::answer(proxy, request).await,
    })
}

/// The answer to a request for the port itself.
fn own<B>(port: u16, request: &Request<B>) -> Response<Body> {
    if request.method() != Method::GET || request.uri().path() != PAC_PATH {
        return refusal(StatusCode::NOT_FOUND, "this port has `/proxy.pac`, and is a proxy");
    }
    let mut answer = Response::new(Body::from(pac(port)));
    let kind = HeaderValue::from_static("application/x-ns-proxy-autoconfig");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The script by which a browser chooses a proxy (developer.mozilla.org, "Proxy
/// Auto-Configuration (PAC) file").
fn pac(port: u16) -> String {
    let names: Vec<String> = PUBLIC_DOMAINS.iter().map(|name| format!("\"{name}\"")).collect();
    format!(
        "function FindProxyForURL(url, host) {{\n  \
           var names = [{}];\n  \
           for (var i = 0; i < names.length; i++) {{\n    \
             if (dnsDomainIs(host, names[i])) {{ return \"PROXY 127.0.0.1:{port}\"; }}\n  \
           }}\n  \
           return \"DIRECT\";\n\
         }}\n",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::pac;

    #[test]
    fn file_names_the_public_domains_and_the_port() {
        assert_eq!(
            pac(4001),
            "function FindProxyForURL(url, host) {\n  \
               var names = [\".azurecontainer.io\", \".azurecontainer.us\", \".azurecontainer.cn\", \
               \".azurecontainerapps.io\"];\n  \
               for (var i = 0; i < names.length; i++) {\n    \
                 if (dnsDomainIs(host, names[i])) { return \"PROXY 127.0.0.1:4001\"; }\n  \
               }\n  \
               return \"DIRECT\";\n\
             }\n"
        );
    }
}
