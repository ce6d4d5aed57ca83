//! The few quick repetitions of a request whose connection broke.
//!
//! Longer waits belong to the loop of the run, which can also be cancelled: what
//! is not over in a moment is returned with its retry class.

use crate::http::{self, Cause};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before each repetition.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Pauses(Arc<[Duration]>);

impl Pauses {
    pub(in crate::registry) fn new(pauses: &[Duration]) -> Self {
        Self(pauses.into())
    }

    /// Each pause in turn.
    pub(in crate::registry) fn iter(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let pauses = self.0.clone();
        (0..pauses.len()).map(move |index| pauses[index])
    }

    /// Sends, and sends again where the connection broke or the server had a
    /// fault that it gives no time for.
    pub(in crate::registry) async fn quickly<F>(
        &self,
        send: impl Fn() -> F,
    ) -> Result<reqwest::Response, http::Error>
    where
        F: Future<Output = Result<reqwest::Response, http::Error>>,
    {
        let mut pauses = self.iter();
        loop {
            let outcome = send().await;
            let again = match &outcome {
                Ok(response) => {
                    matches!(response.status().as_u16(), 500 | 502..=504)
                        && !response.headers().contains_key("retry-after")
                }
                Err(error) => broke(error),
            };
            match pauses.next() {
                Some(pause) if again => tokio::time::sleep(pause).await,
                Some(_) | None => return outcome,
            }
        }
    }
}

/// Whether a connection broke, which the next one may not do.
pub(in crate::registry) fn broke(error: &http::Error) -> bool {
    matches!(error.cause(), Some(Cause::Broken | Cause::Other))
}
