//! Reusable buffers: they bound the memory, and save the kernel from clearing new pages.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A limited number of buffers of one size, allocated when first needed.
pub struct Pool {
    size: usize,
    state: Mutex<PoolState>,
    changed: Condvar,
}

struct PoolState {
    free: Vec<Vec<u8>>,
    /// The number of buffers that may still be allocated.
    left: usize,
    closed: bool,
}

impl Pool {
    pub fn new(count: usize, size: usize) -> Self {
        let state = PoolState { free: Vec::new(), left: count, closed: false };
        Self { size, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a free buffer; `None` once the pool is closed.
    pub fn take(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            if let Some(buffer) = state.free.pop() {
                return Some(buffer);
            }
            if state.left > 0 {
                state.left -= 1;
                return Some(vec![0; self.size]);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn give(&self, buffer: Vec<u8>) {
        self.state().free.push(buffer);
        self.changed.notify_one();
    }

    /// Wakes all waiting threads, which get no buffer.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

/// Closes the pools when its thread panics, so that others do not wait for its buffers.
pub struct CloseOnPanic<'a>(pub [&'a Pool; 2]);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.iter().for_each(|pool| pool.close());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use std::thread;

    #[test]
    fn buffers_are_reused() {
        let pool = Pool::new(1, 8);
        let mut buffer = pool.take().expect("the first");
        buffer[0] = 7;

        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.take());
            pool.give(buffer);
            assert_eq!(waiting.join().expect("no panic"), Some(vec![7, 0, 0, 0, 0, 0, 0, 0]));
        });
    }

    #[test]
    fn a_closed_pool_wakes_waiting_threads() {
        let pool = Pool::new(0, 8);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.take());
            pool.close();
            assert_eq!(waiting.join().expect("no panic"), None);
        });
    }
}
