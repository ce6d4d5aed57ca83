//! Concurrent work with a limit, of which one piece may fail.

use crate::http::{Retry, Retryable};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

/// Runs all futures, at most `limit` at a time, and returns their results in the
/// order in which they end.
///
/// A permanent error cancels the rest. After a transient one nothing new is started,
/// but running futures are completed: bytes that have arrived need not be sent
/// again by the next attempt.
pub async fn try_join_bounded<T, E: Retryable>(
    work: impl IntoIterator<Item = impl Future<Output = Result<T, E>>>,
    limit: usize,
) -> Result<Vec<T>, E> {
    let mut waiting = work.into_iter();
    let mut running = FuturesUnordered::new();
    let mut done = Vec::new();
    let mut failed = None;
    loop {
        while failed.is_none() && running.len() < limit {
            let Some(next) = waiting.next() else { break };
            running.push(next);
        }
        match running.next().await {
            None => return failed.map_or(Ok(done), Err),
            Some(Ok(one)) => done.push(one),
            Some(Err(error)) if error.retry() == Retry::Never => return Err(error),
            Some(Err(error)) => {
                failed.get_or_insert(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::try_join_bounded;
    use crate::http::{Retry, Retryable};
    use futures::future::BoxFuture;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused(Retry);

    impl Retryable for Refused {
        fn retry(&self) -> Retry {
            self.0
        }
    }

    async fn ended_after(retry: Retry) -> u32 {
        let ended = AtomicU32::new(0);
        let slow = || async {
            tokio::task::yield_now().await;
            ended.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let work: Vec<BoxFuture<'_, Result<(), Refused>>> =
            vec![Box::pin(slow()), Box::pin(async { Err(Refused(retry)) }), Box::pin(slow())];
        try_join_bounded(work, 2).await.expect_err("one fails");
        ended.into_inner()
    }

    #[tokio::test]
    async fn running_futures_end_unless_the_error_is_permanent() {
        assert_eq!(ended_after(Retry::Backoff).await, 1);
        assert_eq!(ended_after(Retry::Never).await, 0);
    }
}
