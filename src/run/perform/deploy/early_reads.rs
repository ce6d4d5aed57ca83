//! What the preflight has read of the targets of deploys, for a deploy that comes at once.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long what was read may be taken for what is there.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Index of the service, and of the step in it.
type Place = (usize, usize);

/// Resources as the preflight has read them, by the `deploy` step that changes them.
#[derive(Default)]
pub struct EarlyReads(Mutex<BTreeMap<Place, EarlyRead>>);

struct EarlyRead {
    at: Instant,
    live: Box<dyn Any + Send>,
}

impl EarlyReads {
    /// Keeps a resource that was read just now.
    pub fn insert(&self, place: Place, live: impl Any + Send) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(place, EarlyRead { at: Instant::now(), live: Box::new(live) });
    }

    /// Takes the resource, if it was read less than five seconds ago. A second attempt
    /// finds nothing and has to read it again.
    pub fn take<L: Any>(&self, place: Place) -> Option<L> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let EarlyRead { at, live } = all.remove(&place)?;
        let live = live.downcast().ok()?;
        (at.elapsed() < MAX_AGE).then_some(*live)
    }
}

#[cfg(test)]
mod tests {
    use super::EarlyReads;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn what_was_read_is_taken_once_and_in_time() {
        let reads = EarlyReads::default();
        reads.insert((0, 1), "group");
        assert_eq!(reads.take::<&str>((0, 2)), None);
        assert_eq!(reads.take::<&str>((0, 1)), Some("group"));
        assert_eq!(reads.take::<&str>((0, 1)), None);
        reads.insert((0, 1), "group");
        tokio::time::advance(Duration::from_millis(4_999)).await;
        reads.insert((1, 0), "app");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(reads.take::<&str>((0, 1)), None);
        assert_eq!(reads.take::<&str>((1, 0)), Some("app"));
    }
}
