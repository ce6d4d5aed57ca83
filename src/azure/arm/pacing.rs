//! The waits between two polls.

use std::time::Duration;

/// How often a long-running operation is polled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pacing {
    /// The wait before the first poll, unless the server sends `Retry-After`.
    pub first: Duration,
    /// The longest wait. Each wait is one and a half times the one before.
    pub longest: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(10) }
    }
}

impl Pacing {
    /// The wait that follows `wait`.
    pub fn after(self, wait: Duration) -> Duration {
        (wait + wait / 2).min(self.longest)
    }
}
