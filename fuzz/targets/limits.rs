//! Limits of time that hold on a machine that does other things too.

use std::time::{Duration, Instant};

/// Fails where `work` takes longer than this, twice.
pub fn within<T>(limit: Duration, work: impl Fn() -> T) -> T {
    let began = Instant::now();
    let result = work();
    if began.elapsed() <= limit {
        return result;
    }
    let began = Instant::now();
    let result = work();
    let took = began.elapsed();
    assert!(took <= limit, "it takes {took:?}");
    result
}
