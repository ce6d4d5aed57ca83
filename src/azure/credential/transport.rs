//! Lets Microsoft's clients use our own HTTP client.

use crate::azure::Endpoints;
use crate::http;
use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::error::ErrorKind;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport,
};
use std::sync::Arc;

/// The options of all Microsoft's clients: our transport, the sign-in host of the
/// cloud, and no retries, because the run decides about those.
pub(in crate::azure) fn options(http: &http::Client, endpoints: &Endpoints) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = endpoints.authority.to_string();
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(SharedClient(http.direct().clone())))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}

/// Sends the requests of Microsoft's clients through ours. Turns error responses that are
/// not JSON into errors with their status. They come
/// from proxies, and Microsoft's clients would only report a parse error.
#[derive(Debug)]
struct SharedClient(reqwest::Client);

#[async_trait]
impl HttpClient for SharedClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.0.execute_request(request).await?;
        let status = response.status();
        let content_type = response.headers().get_optional_str(&"content-type".into());
        if status.is_success() || content_type.is_some_and(|kind| kind.contains("json")) {
            return Ok(response);
        }
        // Key Vault's challenge is in this header, whatever the body is.
        if response.headers().get_optional_str(&"www-authenticate".into()).is_some() {
            return Ok(response);
        }
        let raw = response.try_into_raw_response().await?;
        // Some servers send JSON as another type.
        if serde_json::from_slice::<serde_json::Value>(raw.body().as_ref()).is_ok() {
            let (status, headers, body) = raw.deconstruct();
            return Ok(AsyncRawResponse::from_bytes(
                status,
                headers,
                azure_core::Bytes::from(body),
            ));
        }
        let text: String = String::from_utf8_lossy(raw.body().as_ref()).chars().take(300).collect();
        let kind =
            ErrorKind::HttpResponse { status, error_code: None, raw_response: Some(Box::new(raw)) };
        Err(azure_core::Error::with_message(kind, text))
    }
}
