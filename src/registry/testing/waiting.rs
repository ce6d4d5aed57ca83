//! Waits for a condition, not for a time.

use std::thread;
use std::time::{Duration, Instant};

/// The longest that a condition may take to hold.
const PATIENCE: Duration = Duration::from_mins(1);

/// Polls until `ask` gives a value. Panics with `what` after [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
