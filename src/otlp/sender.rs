//! Carries the requests of the exporter with the client that all others use, so that its
//! proxy and trusted certificates hold here too.

use crate::http::{self, Client};
use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use std::sync::{Arc, Mutex, PoisonError};

/// How much of an answer is read, in bytes. It says how many spans were refused.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// An HTTP client that keeps why its last request failed: the exporter makes a text of it.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    failure: Arc<Mutex<Option<http::Error>>>,
}

impl Sender {
    pub fn new(client: Client) -> Self {
        Self { client, failure: Arc::default() }
    }

    /// Why the last request failed.
    pub fn failure(&self) -> Option<http::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn sent(&self, request: Request<Bytes>) -> Result<Bytes, http::Error> {
        let (parts, body) = request.into_parts();
        let request = self.client.direct().request(parts.method, parts.uri.to_string());
        let response = self.client.fetch(request.headers(parts.headers).body(body)).await?;
        http::body("POST", response, MAX_ANSWER_BYTES).await
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        match self.sent(request).await {
            Ok(body) => Ok(Response::new(body)),
            Err(failure) => {
                let why = failure.to_string();
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                Err(why.into())
            }
        }
    }
}
