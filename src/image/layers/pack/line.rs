//! Puts what comes out of order into order, by whoever is there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, TryLockError};

/// A desk that serves numbers one after the other.
///
/// There is no clerk: who adds something serves all whose turn it is, unless
/// someone is at it already, who will then see what was added.
pub(super) struct Line<T, D> {
    waiting: Mutex<BTreeMap<u64, T>>,
    desk: Mutex<(u64, D)>,
}

impl<T, D> Line<T, D> {
    pub(super) fn new(desk: D) -> Self {
        Self { waiting: Mutex::new(BTreeMap::new()), desk: Mutex::new((0, desk)) }
    }

    fn take(&self, number: u64) -> Option<T> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    /// Adds what has a number, from 0 on and each once.
    pub(super) fn add(&self, number: u64, item: T, mut serve: impl FnMut(&mut D, T)) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(number, item);
        loop {
            let mut desk = match self.desk.try_lock() {
                Ok(desk) => desk,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            while let Some(item) = self.take(desk.0) {
                serve(&mut desk.1, item);
                desk.0 += 1;
            }
            let next = desk.0;
            drop(desk);
            // Whoever came between the last look and now has gone away again.
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if !waiting.contains_key(&next) {
                return;
            }
        }
    }

    /// The desk, when all were served; another takes its place.
    pub(super) fn replace_desk(&self, other: D) -> D {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut desk.1, other)
    }
}

#[cfg(test)]
mod tests {
    use super::Line;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    #[test]
    fn numbers_are_served_in_order() {
        let line = Line::new(Vec::new());
        for number in [2, 0, 3, 1, 4] {
            line.add(number, number * 10, Vec::push);
        }
        assert_eq!(line.replace_desk(Vec::new()), [0, 10, 20, 30, 40]);
    }

    #[test]
    fn nothing_is_left_by_many_threads() {
        let line = Line::new(Vec::new());
        let next = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while let number @ 0..10_000 = next.fetch_add(1, Ordering::Relaxed) {
                        line.add(number, number, Vec::push);
                    }
                });
            }
        });
        assert!(line.replace_desk(Vec::new()).into_iter().eq(0..10_000));
    }
}
