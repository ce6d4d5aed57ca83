//! Retries requests that are made outside of any step, so that no `retry` of the
//! plan covers them: those of the preflight, and those that report the result.

use crate::http::{Retry, Retryable};
use crate::plan::schema::RetryPolicy;
use crate::run::jitter::random_jitter;
use crate::run::outcome::StepError;
use crate::run::retry::wait_after;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// No wait that a server asks for is longer after a run: its process would only
/// stay for this request.
const MAX_WAIT_AFTER_RUN: Duration = Duration::from_mins(1);

/// How requests are retried that neither a preflight nor a step makes.
const OUTSIDE_OF_RUNS: RetryPolicy =
    RetryPolicy { attempts: 3, base: Duration::from_millis(500), cap: Duration::from_secs(5) };

/// An attempt that failed and is made again.
#[derive(Debug)]
pub struct FailedAttempt<'a> {
    pub error: &'a StepError,
    /// Counted from 1.
    pub attempt: u32,
    /// How many attempts there are at most.
    pub of: u32,
    pub next_in: Duration,
}

/// Tells people of a failed attempt.
pub type TellRetry = Arc<dyn Fn(&FailedAttempt<'_>) + Send + Sync>;

/// Retries the requests of the preflight as those of a step without `retry` are
/// retried. Dropping a future of it ends the wait that it is in.
#[derive(Clone)]
pub struct Retries {
    policy: RetryPolicy,
    tell: TellRetry,
}

impl Retries {
    pub fn new(tell: TellRetry) -> Self {
        Self { policy: RetryPolicy::default(), tell }
    }

    /// Does the work, and again while its error is one that may pass.
    pub async fn run<T, E, F>(&self, work: impl FnMut() -> F) -> Result<T, StepError>
    where
        E: Into<StepError>,
        F: Future<Output = Result<T, E>>,
    {
        let mut work = work;
        let tell = |error: &StepError, attempt: u32, next_in: Duration| {
            (self.tell)(&FailedAttempt { error, attempt, of: self.policy.attempts, next_in });
        };
        let attempt = || {
            let attempt = work();
            async move { attempt.await.map_err(Into::into) }
        };
        repeat(self.policy, attempt, |error: &StepError| error.retry, tell).await
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl fmt::Display for FailedAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, attempt, of, next_in } = self;
        let why = error.failure.chain.join(": ");
        let next_in = next_in.as_secs_f64();
        write!(f, "attempt {attempt} of {of} failed, next in {next_in:.1}s: {why}")
    }
}

/// Tries up to three times with growing waits. For requests after the last step,
/// such as posting the comment.
pub async fn retry<T, E, F>(work: impl FnMut() -> F) -> Result<T, E>
where
    E: Retryable,
    F: Future<Output = Result<T, E>>,
{
    repeat(OUTSIDE_OF_RUNS, work, |error: &E| limited(error.retry()), |_, _, _| ()).await
}

/// The same for work whose error is already that of a step.
pub async fn retry_step<T, F>(work: impl FnMut() -> F) -> Result<T, StepError>
where
    F: Future<Output = Result<T, StepError>>,
{
    repeat(OUTSIDE_OF_RUNS, work, |error: &StepError| limited(error.retry), |_, _, _| ()).await
}

fn limited(retry: Retry) -> Retry {
    match retry {
        Retry::After(wait) if wait > MAX_WAIT_AFTER_RUN => Retry::Never,
        other => other,
    }
}

async fn repeat<T, E, F>(
    policy: RetryPolicy,
    mut work: impl FnMut() -> F,
    class: impl Fn(&E) -> Retry,
    tell: impl Fn(&E, u32, Duration),
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut attempt = 1;
    loop {
        let error = match work().await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let Some(wait) = wait_after(policy, attempt, class(&error), random_jitter()) else {
            return Err(error);
        };
        tell(&error, attempt, wait);
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Retries;
    use crate::http::Retry;
    use crate::run::outcome::StepError;
    use std::cell::Cell;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::time::Instant;

    /// The result of work that fails with these classes, one after the other, how
    /// often it was done, what was told, and how long it took.
    async fn done(classes: &[Retry]) -> (Result<(), String>, usize, Vec<String>, Duration) {
        let (attempts, told) = (Cell::new(0), Arc::new(Mutex::new(Vec::new())));
        let lines = Arc::clone(&told);
        let retries = Retries::new(Arc::new(move |failed| {
            lines.lock().expect("no panic").push(failed.to_string());
        }));
        let begun = Instant::now();
        let result = retries.run(|| async {
            let attempt = attempts.replace(attempts.get() + 1);
            match classes.get(attempt) {
                Some(class) => Err(StepError::new("cannot sign in").because("busy").retry(*class)),
                None => Ok(()),
            }
        });
        let result = result.await.map_err(|error| error.failure.chain.join(": "));
        let told = told.lock().expect("no panic").clone();
        (result, attempts.get(), told, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn error_that_may_pass_is_tried_four_times() {
        let (result, attempts, told, took) = done(&[Retry::Backoff; 2]).await;
        assert_eq!((result, attempts, told.len()), (Ok(()), 3, 2));
        assert!(took <= Duration::from_secs(3), "{took:?}");

        let (result, attempts, told, _) = done(&[Retry::Backoff; 9]).await;
        assert_eq!(result, Err("cannot sign in: busy".to_owned()));
        assert_eq!((attempts, told.len()), (4, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn wait_of_the_server_is_kept_and_said_with_its_reason() {
        let (result, _, told, took) = done(&[Retry::After(Duration::from_secs(7))]).await;
        assert_eq!(result, Ok(()));
        assert_eq!(told, ["attempt 1 of 4 failed, next in 7.0s: cannot sign in: busy"]);
        assert_eq!(took.as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_error_is_not_tried_again() {
        let (result, attempts, told, _) = done(&[Retry::Never]).await;
        assert_eq!(result, Err("cannot sign in: busy".to_owned()));
        assert_eq!((attempts, told.len()), (1, 0));
    }
}
