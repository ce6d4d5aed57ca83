//! The progress of work on bytes, by part.
//!
//! Any thread that moves bytes adds to the counter of the part that they belong to. The
//! counters are read ten times a second. Nothing here knows what the parts are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// The time between two reports.
const BETWEEN: Duration = Duration::from_millis(100);

/// The progress of work, in bytes. `done` falls where something has to be repeated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    pub done: u64,
    /// As far as it is known yet.
    pub total: u64,
    /// In the order in which they became known.
    pub parts: Vec<Part>,
}

/// The progress of one part, in bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// A digest, or the file that the part is made from.
    pub name: String,
    pub done: u64,
    pub total: u64,
}

/// The bytes of one part that are done. Relaxed ordering is enough: no other memory
/// depends on it.
pub type Counter = Arc<AtomicU64>;

/// The counters of all parts. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    parts: Arc<Mutex<Vec<Counted>>>,
}

#[derive(Debug)]
struct Counted {
    name: String,
    total: u64,
    done: Counter,
}

impl Tally {
    /// Locked only to add or find a counter, not to count.
    fn parts(&self) -> MutexGuard<'_, Vec<Counted>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a part and returns its counter. A part that is known already is not added
    /// again.
    pub fn add(&self, name: &str, total: u64) -> Counter {
        self.add_begun(name, total, Counter::default())
    }

    /// Adds a part whose counter exists already.
    pub fn add_begun(&self, name: &str, total: u64, done: Counter) -> Counter {
        let mut parts = self.parts();
        if let Some(known) = parts.iter().find(|known| known.name == name) {
            return Arc::clone(&known.done);
        }
        parts.push(Counted { name: name.to_owned(), total, done: Arc::clone(&done) });
        done
    }

    /// The counter of a part. For an unknown part, one that is not reported.
    pub fn of(&self, name: &str) -> Counter {
        let parts = self.parts();
        let known = parts.iter().find(|known| known.name == name);
        known.map(|known| Arc::clone(&known.done)).unwrap_or_default()
    }

    /// The progress of all parts.
    pub fn progress(&self) -> Progress {
        let parts = self.parts();
        let parts = parts.iter().map(|Counted { name, total, done }| Part {
            name: name.clone(),
            done: done.load(Ordering::Relaxed),
            total: *total,
        });
        let parts: Vec<Part> = parts.collect();
        // Saturating, because sizes in manifests of others may be anything.
        let sum = |number: fn(&Part) -> u64| parts.iter().map(number).fold(0, u64::saturating_add);
        Progress { done: sum(|part| part.done), total: sum(|part| part.total), parts }
    }

    /// Does the work, and reports its progress ten times a second and at its end.
    pub async fn while_doing<T>(
        &self,
        work: impl Future<Output = T>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> T {
        let mut ticks = tokio::time::interval(BETWEEN);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    tell(self.progress());
                    return done;
                }
                _ = ticks.tick() => tell(self.progress()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Counter, Progress, Tally};
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    fn shown(progress: &Progress) -> (u64, u64, Vec<(&str, u64, u64)>) {
        let parts = progress.parts.iter().map(|part| (part.name.as_str(), part.done, part.total));
        (progress.done, progress.total, parts.collect())
    }

    #[test]
    fn each_part_is_counted_once_wherever_it_is_counted() {
        let tally = Tally::default();
        tally.add("one", 8);
        let other = tally.clone().add("other", 14);
        tally.add("one", 8).fetch_add(1, Ordering::Relaxed);
        other.fetch_add(7, Ordering::Relaxed);
        tally.of("unknown").fetch_add(1, Ordering::Relaxed);

        assert_eq!(shown(&tally.progress()), (8, 22, vec![("one", 1, 8), ("other", 7, 14)]));
        tally.of("one").store(0, Ordering::Relaxed);
        assert_eq!(tally.progress().done, 7, "it begins again");
    }

    #[test]
    fn what_others_have_begun_is_counted_on() {
        let (tally, begun) = (Tally::default(), Counter::new(3.into()));
        tally.add_begun("one", 8, begun.clone());
        begun.fetch_add(1, Ordering::Relaxed);
        assert_eq!(shown(&tally.progress()), (4, 8, vec![("one", 4, 8)]));
    }

    #[test]
    fn sizes_that_cannot_be_are_no_reason_to_panic() {
        let tally = Tally::default();
        tally.add("one", u64::MAX);
        tally.add("other", u64::MAX);
        assert_eq!(tally.progress().total, u64::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_told_of_ten_times_a_second_and_at_its_end() {
        let (tally, seen) = (Tally::default(), Mutex::new(Vec::new()));
        let only = tally.add("only", 4);
        let work = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            only.fetch_add(4, Ordering::Relaxed);
        };

        let tell = |progress: Progress| seen.lock().expect("no panic").push(progress.done);
        tally.while_doing(work, &tell).await;

        assert_eq!(*seen.lock().expect("no panic"), [0, 0, 0, 4]);
    }
}
