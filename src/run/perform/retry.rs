//! Retries a small request that is made outside of any step.

use crate::http::{Retry, Retryable};
use crate::plan::schema::RetryPolicy;
use crate::run::retry::wait_after;
use std::time::Duration;

/// No wait that a server asks for is longer: the run is over by then, and its
/// process would only stay for this request.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Tries up to three times with growing waits. For requests that no step and
/// so no `retry` of the plan covers, such as posting the comment.
pub async fn retry<T, E, F>(mut work: impl FnMut() -> F) -> Result<T, E>
where
    E: Retryable,
    F: Future<Output = Result<T, E>>,
{
    let policy =
        RetryPolicy { attempts: 3, base: Duration::from_millis(500), cap: Duration::from_secs(5) };
    let mut attempt = 1;
    loop {
        let error = match work().await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let class = match error.retry() {
            Retry::After(wait) if wait > MAX_WAIT => Retry::Never,
            other => other,
        };
        match wait_after(policy, attempt, class, 1.0) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
        attempt += 1;
    }
}
