//! How many large bodies are sent to a registry at a time: more while that raises
//! the total rate, fewer when the registry is overloaded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Each concurrent body needs a connection and some memory.
const INITIAL_BODIES: usize = 12;
const MAX_BODIES: usize = 20;
/// How many bodies the limit grows by at a time.
const GROWTH_STEP: usize = 4;
/// The limit grows again only where the last growth raised the rate by this factor.
const MIN_RATE_GAIN: f64 = 1.1;

/// The limit on large bodies that are sent to one registry at a time.
pub struct BodyLimit {
    permits: Semaphore,
    pace: Mutex<Pace>,
}

/// The permission to send one body.
pub struct BodyPermit<'a> {
    limit: &'a BodyLimit,
    permit: Option<SemaphorePermit<'a>>,
}

/// The current limit and the rates measured so far. Pure: time is an argument.
struct Pace {
    limit: usize,
    /// Permits to be withdrawn when they are returned.
    surplus: usize,
    round: Round,
    /// The highest rate of a round, in bytes a second.
    best: f64,
}

/// One measurement: as many bodies as may be sent at a time.
#[derive(Default)]
struct Round {
    begun: Option<Instant>,
    bodies: usize,
    bytes: u64,
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(INITIAL_BODIES),
            pace: Mutex::new(Pace::new(INITIAL_BODIES)),
        }
    }
}

impl BodyLimit {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the permission to send a body.
    pub async fn acquire(&self) -> BodyPermit<'_> {
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        self.pace().began(Instant::now());
        BodyPermit { limit: self, permit: Some(permit) }
    }

    /// Halves the limit: the registry, or the network, is overloaded.
    pub fn overloaded(&self) {
        self.pace().overloaded();
    }
}

impl BodyPermit<'_> {
    /// Ends the permission after a body of this size was sent.
    pub fn sent(self, bytes: u64) {
        let more = self.limit.pace().sent(bytes, Instant::now());
        self.limit.permits.add_permits(more);
    }
}

impl Drop for BodyPermit<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.limit.pace().take_surplus()
        {
            permit.forget();
        }
    }
}

impl Pace {
    fn new(limit: usize) -> Self {
        Self { limit, surplus: 0, round: Round::default(), best: 0.0 }
    }

    fn began(&mut self, now: Instant) {
        self.round.begun.get_or_insert(now);
    }

    /// Counts a body that was sent. Returns by how much the limit grows.
    fn sent(&mut self, bytes: u64, now: Instant) -> usize {
        self.round.bodies += 1;
        self.round.bytes += bytes;
        if self.round.bodies < self.limit {
            return 0;
        }
        let round = std::mem::take(&mut self.round);
        let took = round.begun.map_or(Duration::ZERO, |begun| now - begun);
        let rate = rate(round.bytes, took.max(Duration::from_millis(1)));
        if rate < self.best * MIN_RATE_GAIN || self.surplus > 0 {
            return 0;
        }
        self.best = rate;
        let more = GROWTH_STEP.min(MAX_BODIES.saturating_sub(self.limit));
        self.limit += more;
        more
    }

    fn overloaded(&mut self) {
        let fewer = self.limit / 2;
        self.surplus += fewer;
        self.limit -= fewer;
        self.round = Round::default();
    }

    /// Whether a returned permit is to be withdrawn.
    fn take_surplus(&mut self) -> bool {
        let one = self.surplus.min(1);
        self.surplus -= one;
        one > 0
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate to compare with others")]
fn rate(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / took.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::{BodyLimit, INITIAL_BODIES, MAX_BODIES, Pace};
    use std::time::{Duration, Instant};

    /// Sends as many bodies as the limit allows within one second.
    fn round(pace: &mut Pace, at: &mut Instant, rate: u64) {
        pace.began(*at);
        *at += Duration::from_secs(1);
        for _ in 0..pace.limit {
            pace.sent(rate, *at);
        }
    }

    #[test]
    fn the_limit_grows_while_the_rate_does() {
        let (mut pace, mut at) = (Pace::new(INITIAL_BODIES), Instant::now());

        round(&mut pace, &mut at, 1_000);
        assert_eq!(pace.limit, 16);
        round(&mut pace, &mut at, 1_000);
        assert_eq!(pace.limit, MAX_BODIES);
        round(&mut pace, &mut at, 1_000);
        assert_eq!(pace.limit, MAX_BODIES);

        let mut pace = Pace::new(INITIAL_BODIES);
        round(&mut pace, &mut at, 1_000);
        // The line is saturated: each body is slower.
        round(&mut pace, &mut at, 670);
        assert_eq!(pace.limit, 16);
    }

    #[test]
    fn overload_halves_the_limit() {
        let mut pace = Pace::new(INITIAL_BODIES);
        pace.overloaded();
        assert_eq!((pace.limit, pace.surplus), (6, 6));
        for _ in 0..5 {
            pace.overloaded();
        }
        assert_eq!((pace.limit, pace.surplus), (1, 11));
    }

    #[tokio::test]
    async fn a_surplus_permit_is_withdrawn() {
        let limit = BodyLimit::default();
        let permits = futures::future::join_all((0..INITIAL_BODIES).map(|_| limit.acquire())).await;
        limit.overloaded();
        drop(permits);
        assert_eq!(limit.permits.available_permits(), 6);
    }
}
