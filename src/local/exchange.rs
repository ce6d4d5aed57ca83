//! One request to a container, over its connection: the container must not notice the proxy.

use super::runtime::ByteStream;
use axum::body::Body;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;

/// Headers that are not forwarded (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("proxy-connection"),
];

/// Sends one request on a new connection. Connections to loopback are cheap, and
/// one that is never reused is never stale.
pub async fn exchange<B>(
    stream: Box<dyn ByteStream>,
    mut request: Request<B>,
    authority: &Authority,
) -> Result<Response<Body>, hyper::Error>
where
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
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
            let (Ok(client), Ok(container)) = (client.await, container.await) else { return };
            let (mut client, mut container) = (TokioIo::new(client), TokioIo::new(container));
            if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut container).await {
                tracing::debug!(%error, "a connection to a container ended early");
            }
        });
    } else {
        strip(answer.headers_mut(), false);
    }
    Ok(answer.map(Body::new))
}

/// The request in origin form: the container must not notice the proxy.
fn rewritten<B>(mut request: Request<B>, authority: &Authority) -> Request<B> {
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
