//! Many pieces of work at once, of which one may fail.

use crate::http::{Retry, Retryable};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

/// Does all of the work, at most `at_once` pieces at a time.
///
/// A failure for good ends everything. After one that may pass nothing new is
/// begun, but what is under way is brought to its end: bytes that have arrived
/// need not be sent by the next attempt.
pub(in crate::registry) async fn settle<T, E: Retryable>(
    work: impl IntoIterator<Item = impl Future<Output = Result<T, E>>>,
    at_once: usize,
) -> Result<Vec<T>, E> {
    let mut waiting = work.into_iter();
    let mut running = FuturesUnordered::new();
    let mut done = Vec::new();
    let mut failed = None;
    loop {
        while failed.is_none() && running.len() < at_once {
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
    use super::settle;
    use crate::http::{Retry, Retryable};
    use futures::future::BoxFuture;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug, thiserror::Error)]
    #[error("no")]
    struct No(Retry);

    impl Retryable for No {
        fn retry(&self) -> Retry {
            self.0
        }
    }

    async fn begun_after(retry: Retry) -> u32 {
        let ended = AtomicU32::new(0);
        let slow = || async {
            tokio::task::yield_now().await;
            ended.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let work: Vec<BoxFuture<'_, Result<(), No>>> =
            vec![Box::pin(slow()), Box::pin(async { Err(No(retry)) }), Box::pin(slow())];
        settle(work, 2).await.expect_err("one fails");
        ended.into_inner()
    }

    #[tokio::test]
    async fn what_is_under_way_ends_unless_it_is_for_nothing() {
        assert_eq!(begun_after(Retry::Backoff).await, 1);
        assert_eq!(begun_after(Retry::Never).await, 0);
    }
}
