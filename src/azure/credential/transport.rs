//! Lets Microsoft's clients use our own HTTP client.

use crate::azure::Endpoints;
use crate::http::{self, Route, SafeUrl};
use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::error::ErrorKind;
use azure_core::http::response::AsyncResponseBody;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, HttpClient, RawResponse, Request, RetryOptions, Transport,
};
use futures::TryStreamExt as _;
use serde::de::IgnoredAny;
use std::sync::Arc;

/// The options of all Microsoft's clients: our transport, the sign-in host of the
/// cloud, and no retries, because the run decides about those.
pub(in crate::azure) fn options(http: &http::Client, endpoints: &Endpoints) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = endpoints.authority.to_string();
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(SharedClient(http.clone())))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}

/// No token or secret is longer; Microsoft's clients would read any length into memory.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// Sends the requests of Microsoft's clients through ours. Turns responses that are not JSON
/// into errors that name the host, or have their status. They come
/// from proxies, and Microsoft's clients would only report a parse error.
#[derive(Debug)]
struct SharedClient(http::Client);

#[async_trait]
impl HttpClient for SharedClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let route = self.0.route_to(request.url());
        let response = self.0.direct().execute_request(request).await;
        let response = response.map_err(|error| through(&route, error))?;
        let (status, headers, body) = response.deconstruct();
        let unreadable = |reason: &str| {
            let url = SafeUrl::new(request.url().clone());
            let text = format!("{} {url}: {reason}", request.method());
            azure_core::Error::with_message(ErrorKind::DataConversion, text)
        };
        let Some(body) = bounded(body).await? else {
            return Err(unreadable("it has more than a megabyte"));
        };
        let has = |name: &'static str| headers.get_optional_str(&name.into()).is_some();
        // Key Vault's challenge is in this header, whatever the body is. Some servers send
        // JSON as another type.
        if has("www-authenticate") || serde_json::from_slice::<IgnoredAny>(&body).is_ok() {
            return Ok(AsyncRawResponse::from_bytes(status, headers, body));
        }
        if status.is_success() {
            return Err(unreadable(&format!("it is not JSON{route}")));
        }
        let text = http::shortened(&String::from_utf8_lossy(&body), 300);
        let header = |name: &'static str| headers.get_optional_str(&name.into());
        let body = match route.of_response(status.into(), header).proxy() {
            Some(proxy) => format!("it seems to be by the proxy {proxy}: {text}").into_bytes(),
            None => body,
        };
        let raw = RawResponse::from_bytes(status, headers, body);
        let kind =
            ErrorKind::HttpResponse { status, error_code: None, raw_response: Some(Box::new(raw)) };
        Err(azure_core::Error::with_message(kind, text))
    }
}

/// Names the proxy through which there was no response.
fn through(route: &Route, error: azure_core::Error) -> azure_core::Error {
    match (route.proxy(), error.kind()) {
        (Some(_), ErrorKind::Connection | ErrorKind::Io) => {
            let what = format!("no answer{route}");
            match route.proxy_gone() {
                Some(gone) => {
                    let gone = ProxyGone { help: gone.to_owned() };
                    azure_core::Error::with_error(ErrorKind::Connection, gone, what)
                }
                None => azure_core::Error::with_error(ErrorKind::Connection, error, what),
            }
        }
        _ => error,
    }
}

/// Nothing listens at the proxy of the environment any more, and it is known whose that was.
#[derive(Debug, thiserror::Error)]
#[error("nothing listens there")]
pub struct ProxyGone {
    pub help: String,
}

/// The body, unless it is too long.
async fn bounded(mut body: AsyncResponseBody) -> azure_core::Result<Option<Vec<u8>>> {
    let mut read = Vec::new();
    while let Some(chunk) = body.try_next().await? {
        if read.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Ok(None);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(Some(read))
}
