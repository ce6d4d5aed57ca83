//! How far a transfer is, a blob at a time.
//!
//! Whoever moves bytes adds to a counter of the blob they belong to; whoever
//! wants to know reads them all ten times a second.

use super::descriptor::Descriptor;
use super::digest::Digest;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often a transfer tells how far it is.
const BETWEEN: Duration = Duration::from_millis(100);

/// How far a transfer is, in bytes over all registries. `done` goes back where
/// something has to be sent again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    /// What is there.
    pub done: u64,
    /// What is to be there.
    pub total: u64,
    /// Each blob, in the order in which they were given.
    pub blobs: Vec<BlobProgress>,
}

/// How far one blob is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlobProgress {
    /// Which.
    pub digest: Digest,
    /// What of it is there, over all places.
    pub done: u64,
    /// Its size, times the places that it goes to.
    pub total: u64,
}

/// Counts what is there.
pub(super) struct Tally {
    blobs: Vec<Counted>,
}

struct Counted {
    digest: Digest,
    total: u64,
    done: Arc<AtomicU64>,
}

impl Tally {
    /// Counts blobs that go to so many places, each digest once.
    pub(super) fn new<'a>(blobs: impl IntoIterator<Item = &'a Descriptor>, places: u64) -> Self {
        let mut counted: Vec<Counted> = Vec::new();
        for Descriptor { digest, size, .. } in blobs {
            if counted.iter().all(|known| known.digest != *digest) {
                let (digest, total) = (digest.clone(), size * places);
                counted.push(Counted { digest, total, done: Arc::default() });
            }
        }
        Self { blobs: counted }
    }

    /// Counts on where others have begun to count.
    pub(super) fn counting_on(mut self, begun: &BTreeMap<Digest, Arc<AtomicU64>>) -> Self {
        for blob in &mut self.blobs {
            if let Some(done) = begun.get(&blob.digest) {
                blob.done = Arc::clone(done);
            }
        }
        self
    }

    /// The counter of a blob; one that nobody reads where it is not known.
    pub(super) fn of(&self, digest: &Digest) -> Arc<AtomicU64> {
        let known = self.blobs.iter().find(|known| known.digest == *digest);
        known.map(|known| Arc::clone(&known.done)).unwrap_or_default()
    }

    /// How far all is.
    pub(super) fn progress(&self) -> Progress {
        let blobs = self.blobs.iter().map(|Counted { digest, total, done }| BlobProgress {
            digest: digest.clone(),
            done: done.load(Ordering::Relaxed),
            total: *total,
        });
        let blobs: Vec<BlobProgress> = blobs.collect();
        let sum = |number: fn(&BlobProgress) -> u64| blobs.iter().map(number).sum();
        Progress { done: sum(|blob| blob.done), total: sum(|blob| blob.total), blobs }
    }

    /// Does the work, and tells ten times a second and at its end how far it is.
    pub(super) async fn while_doing<T>(
        &self,
        work: impl Future<Output = T>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> T {
        let mut ticks = tokio::time::interval(BETWEEN);
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
    use super::{Progress, Tally};
    use crate::registry::{Descriptor, Digest};
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    fn blob(content: &str) -> Descriptor {
        Descriptor::new("x", Digest::of(content.as_bytes()), content.len() as u64)
    }

    fn shown(progress: &Progress) -> (u64, u64, Vec<(u64, u64)>) {
        let blobs = progress.blobs.iter().map(|blob| (blob.done, blob.total)).collect();
        (progress.done, progress.total, blobs)
    }

    #[test]
    fn each_blob_is_counted_once_and_for_every_place() {
        let (one, other) = (blob("four"), blob("seventy"));
        let tally = Tally::new([&one, &other, &one], 2);
        assert_eq!(shown(&tally.progress()), (0, 22, vec![(0, 8), (0, 14)]));

        tally.of(&other.digest).fetch_add(7, Ordering::Relaxed);
        tally.of(&Digest::of(b"unknown")).fetch_add(1, Ordering::Relaxed);

        assert_eq!(shown(&tally.progress()), (7, 22, vec![(0, 8), (7, 14)]));
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_told_of_ten_times_a_second_and_at_its_end() {
        let (only, seen) = (blob("four"), Mutex::new(Vec::new()));
        let tally = Tally::new([&only], 1);
        let work = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            tally.of(&only.digest).fetch_add(4, Ordering::Relaxed);
        };

        let tell = |progress: Progress| seen.lock().expect("no panic").push(progress.done);
        tally.while_doing(work, &tell).await;

        assert_eq!(*seen.lock().expect("no panic"), [0, 0, 0, 4]);
    }
}
