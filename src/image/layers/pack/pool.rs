//! Buffers that are used again and again: a bound on memory, and pages that the
//! kernel need not clear each time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// So many buffers of one size, made when they are first needed.
pub(super) struct Pool {
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free: Vec<Vec<u8>>,
    /// How many may still be made.
    left: usize,
    closed: bool,
}

impl Pool {
    pub(super) fn new(count: usize, size: usize) -> Self {
        let state = State { free: Vec::new(), left: count, closed: false };
        Self { size, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer, as soon as one is free; none when the pool is closed.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
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

    /// Gives a buffer back.
    pub(super) fn give(&self, buffer: Vec<u8>) {
        self.state().free.push(buffer);
        self.changed.notify_one();
    }

    /// Lets no one wait any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

/// Closes pools when its thread panics, so that no other waits for what that
/// one held.
pub(super) struct Alarm<'a>(pub(super) [&'a Pool; 2]);

impl Drop for Alarm<'_> {
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
    fn a_buffer_is_waited_for_and_used_again() {
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
    fn nobody_waits_for_a_closed_pool() {
        let pool = Pool::new(0, 8);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.take());
            pool.close();
            assert_eq!(waiting.join().expect("no panic"), None);
        });
    }
}
