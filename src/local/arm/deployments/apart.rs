//! Work that may take a while, away from the threads that serve.

use std::panic::resume_unwind;
use tokio::task::spawn_blocking;

/// Does the work on a thread of its own.
pub async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}
