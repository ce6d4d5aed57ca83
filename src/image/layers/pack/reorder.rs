//! Passes items to a consumer in order, although threads add them out of order.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, TryLockError};

/// Passes numbered items to a consumer in order.
///
/// There is no separate consumer thread: the thread that adds an item passes on all items
/// that are next in order, unless another thread is already doing so, which will then see
/// the new item.
pub struct ReorderQueue<T, D> {
    waiting: Mutex<BTreeMap<u64, T>>,
    desk: Mutex<(u64, D)>,
}

impl<T, D> ReorderQueue<T, D> {
    pub fn new(desk: D) -> Self {
        Self { waiting: Mutex::new(BTreeMap::new()), desk: Mutex::new((0, desk)) }
    }

    fn take(&self, number: u64) -> Option<T> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    /// Adds an item. Numbers start at 0 and each is added once.
    pub fn add(&self, number: u64, item: T, mut serve: impl FnMut(&mut D, T)) {
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
            // An item added after the last check, while the lock was held, was left to this
            // thread.
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if !waiting.contains_key(&next) {
                return;
            }
        }
    }

    /// Takes the consumer after all items were passed on, and replaces it.
    pub fn replace_consumer(&self, other: D) -> D {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut desk.1, other)
    }
}

#[cfg(test)]
mod tests {
    use super::ReorderQueue;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    #[test]
    fn items_are_passed_on_in_order() {
        let line = ReorderQueue::new(Vec::new());
        for number in [2, 0, 3, 1, 4] {
            line.add(number, number * 10, Vec::push);
        }
        assert_eq!(line.replace_consumer(Vec::new()), [0, 10, 20, 30, 40]);
    }

    #[test]
    fn many_threads_leave_no_item_behind() {
        let line = ReorderQueue::new(Vec::new());
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
        assert!(line.replace_consumer(Vec::new()).into_iter().eq(0..10_000));
    }
}
