//! The few quick repetitions of a request whose connection broke.
//!
//! Longer waits belong to the loop of the run, which can also be cancelled: an error
//! that does not pass at once is returned with its retry class.

use crate::http::{self, Cause};
use std::sync::Arc;
use std::time::Duration;

/// The pauses before each repetition of a request.
#[derive(Clone, Debug)]
pub struct QuickRetry(Arc<[Duration]>);

impl QuickRetry {
    pub fn new(pauses: &[Duration]) -> Self {
        Self(pauses.into())
    }

    /// The pauses in order.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let pauses = self.0.clone();
        (0..pauses.len()).map(move |index| pauses[index])
    }

    /// Sends a request, and repeats it where the connection broke or the server
    /// failed without a `Retry-After`.
    pub async fn send<F>(&self, send: impl Fn() -> F) -> Result<reqwest::Response, http::Error>
    where
        F: Future<Output = Result<reqwest::Response, http::Error>>,
    {
        let mut pauses = self.pauses();
        loop {
            let outcome = send().await;
            let transient = match &outcome {
                Ok(response) => {
                    matches!(response.status().as_u16(), 500 | 502..=504)
                        && !response.headers().contains_key("retry-after")
                }
                Err(error) => is_broken_connection(error),
            };
            match pauses.next() {
                Some(pause) if transient => tokio::time::sleep(pause).await,
                Some(_) | None => return outcome,
            }
        }
    }
}

/// Whether a connection broke, so that a new one may succeed.
pub fn is_broken_connection(error: &http::Error) -> bool {
    matches!(error.cause(), Some(Cause::Broken | Cause::Other))
}
