//! Microsoft's clients over our own connection pool.

use crate::azure::Endpoints;
use crate::http;
use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::error::ErrorKind;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport,
};
use std::sync::Arc;

/// What every client of Microsoft's is given: our transport, the cloud's
/// sign-in host, and no attempts of its own, because waiting is the loop's.
pub(in crate::azure) fn options(http: &http::Client, endpoints: &Endpoints) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = endpoints.authority.to_string();
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(Pool(http.direct().clone())))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}

/// Answers that are errors but not JSON come from what stands in between, such
/// as a proxy. Their status would be lost behind "cannot be parsed".
#[derive(Debug)]
struct Pool(reqwest::Client);

#[async_trait]
impl HttpClient for Pool {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.0.execute_request(request).await?;
        let status = response.status();
        let json = response.headers().get_optional_str(&"content-type".into());
        if status.is_success() || json.is_some_and(|kind| kind.contains("json")) {
            return Ok(response);
        }
        // Key Vault's challenge is a header; its body may be anything.
        if response.headers().get_optional_str(&"www-authenticate".into()).is_some() {
            return Ok(response);
        }
        let raw = response.try_into_raw_response().await?;
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
