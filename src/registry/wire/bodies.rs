//! How many large bodies travel to a registry at a time: more while that moves
//! more, fewer when the registry has too much of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many to begin with, and the most there may be. Each is a connection and
/// some memory.
const FIRST: usize = 12;
const MOST: usize = 20;
/// How many more are tried at a time.
const STEP: usize = 4;
/// By how much more bytes a second must move for more bodies to be worth it.
const WORTH: f64 = 1.1;

/// The large bodies that travel to one registry.
pub(in crate::registry) struct Bodies {
    places: Semaphore,
    pace: Mutex<Pace>,
}

/// The place of one body.
pub(in crate::registry) struct Place<'a> {
    bodies: &'a Bodies,
    permit: Option<SemaphorePermit<'a>>,
}

/// How many may travel, and how that went so far. Time is an argument.
struct Pace {
    limit: usize,
    /// Places that are to be given up when they become free.
    surplus: usize,
    round: Round,
    /// Bytes a second of the best round.
    best: f64,
}

/// As many bodies as may travel at a time.
#[derive(Default)]
struct Round {
    begun: Option<Instant>,
    bodies: usize,
    bytes: u64,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { places: Semaphore::new(FIRST), pace: Mutex::new(Pace::new(FIRST)) }
    }
}

impl Bodies {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    pub(in crate::registry) async fn enter(&self) -> Place<'_> {
        let permit = self.places.acquire().await.expect("the semaphore is never closed");
        self.pace().began(Instant::now());
        Place { bodies: self, permit: Some(permit) }
    }

    /// The registry has too much of it.
    pub(in crate::registry) fn trouble(&self) {
        self.pace().trouble();
    }
}

impl Place<'_> {
    /// The body has arrived.
    pub(in crate::registry) fn arrived(self, bytes: u64) {
        let more = self.bodies.pace().arrived(bytes, Instant::now());
        self.bodies.places.add_permits(more);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.bodies.pace().gives_up()
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

    /// A body has arrived: how many more may travel from now on.
    fn arrived(&mut self, bytes: u64, now: Instant) -> usize {
        self.round.bodies += 1;
        self.round.bytes += bytes;
        if self.round.bodies < self.limit {
            return 0;
        }
        let round = std::mem::take(&mut self.round);
        let took = round.begun.map_or(Duration::ZERO, |begun| now - begun);
        let rate = rate(round.bytes, took.max(Duration::from_millis(1)));
        if rate < self.best * WORTH || self.surplus > 0 {
            return 0;
        }
        self.best = rate;
        let more = STEP.min(MOST.saturating_sub(self.limit));
        self.limit += more;
        more
    }

    fn trouble(&mut self) {
        let fewer = self.limit / 2;
        self.surplus += fewer;
        self.limit -= fewer;
        self.round = Round::default();
    }

    /// Whether the place that becomes free is one too many.
    fn gives_up(&mut self) -> bool {
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
    use super::{Bodies, FIRST, MOST, Pace};
    use std::time::{Duration, Instant};

    /// Sends as many bodies as may travel, at so many bytes a second each.
    fn round(pace: &mut Pace, at: &mut Instant, rate: u64) {
        pace.began(*at);
        *at += Duration::from_secs(1);
        for _ in 0..pace.limit {
            pace.arrived(rate, *at);
        }
    }

    #[test]
    fn more_travel_while_more_moves() {
        let (mut pace, mut at) = (Pace::new(FIRST), Instant::now());

        round(&mut pace, &mut at, 1_000);
        assert_eq!(pace.limit, 16);
        round(&mut pace, &mut at, 1_000);
        assert_eq!(pace.limit, MOST);
        round(&mut pace, &mut at, 1_000);
        assert_eq!(pace.limit, MOST);

        let mut pace = Pace::new(FIRST);
        round(&mut pace, &mut at, 1_000);
        // The line is full: more bodies, each of them slower.
        round(&mut pace, &mut at, 670);
        assert_eq!(pace.limit, 16);
    }

    #[test]
    fn fewer_travel_where_the_registry_has_too_much() {
        let mut pace = Pace::new(FIRST);
        pace.trouble();
        assert_eq!((pace.limit, pace.surplus), (6, 6));
        for _ in 0..5 {
            pace.trouble();
        }
        assert_eq!((pace.limit, pace.surplus), (1, 11));
    }

    #[tokio::test]
    async fn a_place_that_is_one_too_many_is_not_given_again() {
        let bodies = Bodies::default();
        let places = futures::future::join_all((0..FIRST).map(|_| bodies.enter())).await;
        bodies.trouble();
        drop(places);
        assert_eq!(bodies.places.available_permits(), 6);
    }
}
