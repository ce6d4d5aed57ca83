//! Runs work that blocks on a thread of its own, so that the loop goes on.

use super::performer::Job;
use super::progress::ProgressReporter;
use crate::event::Verb;
use crate::http::Retryable;
use crate::image::WorkControl;
use crate::progress::Tally;
use crate::run::outcome::StepError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs `work` on a blocking thread. Its flag is set when this future is
/// dropped, which is how a stopped step ends it.
pub async fn run_blocking<T, E>(
    work: impl FnOnce(&AtomicBool) -> Result<T, E> + Send + 'static,
) -> Result<T, StepError>
where
    T: Send + 'static,
    E: Retryable,
{
    let stop = Arc::new(AtomicBool::new(false));
    let _guard = StopOnDrop(Arc::clone(&stop));
    let joined = tokio::task::spawn_blocking(move || work(&stop)).await;
    let result = joined.map_err(|error| {
        StepError::new("the thread of the step ended early").because(error.to_string())
    })?;
    Ok(result?)
}

/// The same, with the progress that `work` counts published as events.
pub async fn run_blocking_with_progress<T, E>(
    job: &Job,
    verb: Verb,
    work: impl FnOnce(WorkControl<'_>) -> Result<T, E> + Send + 'static,
) -> Result<T, StepError>
where
    T: Send + 'static,
    E: Retryable,
{
    let (tally, reporter) = (Tally::default(), ProgressReporter::new(job, verb));
    let counted = tally.clone();
    let work =
        run_blocking(move |stop| work(WorkControl { tally: counted, ..WorkControl::new(stop) }));
    tally.while_doing(work, &|progress| reporter.report(progress)).await
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
