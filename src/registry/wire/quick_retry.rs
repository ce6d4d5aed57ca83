//! The few quick repetitions of a request whose connection broke.
//!
//! Longer waits belong to the loop of the run, which can also be cancelled: an error
//! that does not pass at once is returned with its retry class.

use crate::http::{self, Cause};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The repetitions that one registry gets in all before it answers well again. Each
/// request of a push has its pauses, and the plan has attempts: without a common bound
/// the three multiply, against a server that has trouble already.
const MAX_REPETITIONS: u32 = 10;

/// The pauses before each repetition of a request.
#[derive(Clone, Debug)]
pub struct QuickRetry {
    pauses: Arc<[Duration]>,
    left: Arc<AtomicU32>,
}

impl QuickRetry {
    pub fn new(pauses: &[Duration]) -> Self {
        Self { pauses: pauses.into(), left: Arc::new(AtomicU32::new(MAX_REPETITIONS)) }
    }

    /// The pauses in order, as long as the registry has repetitions left. Taking one
    /// uses one.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let Self { pauses, left } = self.clone();
        (0..pauses.len()).map_while(move |index| take(&left).then(|| pauses[index]))
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
            if !transient {
                if outcome.is_ok() {
                    give_back(&self.left);
                }
                return outcome;
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return outcome,
            }
        }
    }
}

fn take(left: &AtomicU32) -> bool {
    let one_less = |count: u32| count.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
}

/// A request was answered: one repetition more.
fn give_back(left: &AtomicU32) {
    let one_more = |count: u32| Some((count + 1).min(MAX_REPETITIONS));
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok();
}

/// Whether a connection broke, so that a new one may succeed.
pub fn is_broken_connection(error: &http::Error) -> bool {
    matches!(error.cause(), Some(Cause::Broken | Cause::Other))
}

#[cfg(test)]
mod tests {
    use super::{MAX_REPETITIONS, QuickRetry};
    use std::cell::Cell;
    use std::time::Duration;

    /// Sends a request that is answered with this status; how often it was sent.
    async fn sent(retry: &QuickRetry, status: u16) -> u32 {
        let count = Cell::new(0);
        let answer = || {
            count.set(count.get() + 1);
            let response = http::Response::builder().status(status).body("").expect("a response");
            async { Ok(reqwest::Response::from(response)) }
        };
        retry.send(answer).await.expect("an answer");
        count.get()
    }

    #[tokio::test]
    async fn a_registry_that_always_fails_is_asked_a_bounded_number_of_times() {
        let retry = QuickRetry::new(&[Duration::ZERO; 2]);
        let mut sends = 0;
        for _ in 0..40 {
            sends += sent(&retry, 503).await;
        }
        assert_eq!(sends, 40 + MAX_REPETITIONS);
        assert_eq!(retry.pauses().count(), 0, "other ways of repeating have none left either");

        assert_eq!(sent(&retry, 201).await, 1);
        assert_eq!(sent(&retry, 503).await, 2, "it has answered once");
    }
}
