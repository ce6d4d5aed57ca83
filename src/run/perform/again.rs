//! Tries something small again by itself, where no step stands for it.

use crate::http::{Retry, Retryable};
use crate::plan::schema::RetryPolicy;
use crate::run::retry::wait_after;
use std::time::Duration;

/// Tries up to three times, waiting a little in between. For what is done
/// beside the steps, such as posting the comment.
pub async fn again<T, E, F>(mut work: impl FnMut() -> F) -> Result<T, E>
where
    E: Retryable,
    F: Future<Output = Result<T, E>>,
{
    let policy =
        RetryPolicy { attempts: 3, base: Duration::from_millis(500), cap: Duration::from_secs(5) };
    let mut attempt = 1;
    loop {
        let error = match work().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let retry = match error.retry() {
            Retry::After(wait) if wait > Duration::from_mins(1) => Retry::Never,
            other => other,
        };
        match wait_after(policy, attempt, retry, 1.0) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(error),
        }
        attempt += 1;
    }
}
