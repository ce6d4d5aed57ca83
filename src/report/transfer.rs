//! Bytes on their way: how much, how fast, and how long it will take.
//!
//! Pure: time is that of the events.

use crate::event::{LayerProgress, Progress, Verb};
use std::collections::VecDeque;
use std::time::Duration;

/// What came longer ago than this says nothing of how fast it is now.
const WINDOW: Duration = Duration::from_secs(15);
/// Too short a time to tell how fast it is.
const LEAST: Duration = Duration::from_millis(500);

/// A transfer and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// What is done to its bytes.
    pub verb: Verb,
    /// All of it.
    pub whole: Flow,
    /// Its layers, in the order in which they were first named.
    pub layers: Vec<(String, Flow)>,
}

/// Bytes on their way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// What is there.
    pub done: u64,
    /// What is to be there, as far as is known.
    pub total: u64,
    /// When how much was there, the oldest first; the first may be older than
    /// the window, so that it is always looked at whole.
    seen: VecDeque<(Duration, u64)>,
}

impl Transfer {
    /// One of which nothing is known yet.
    pub(super) fn new(verb: Verb) -> Self {
        Self { verb, whole: Flow::default(), layers: Vec::new() }
    }

    /// Takes in what an event says.
    pub(super) fn apply(&mut self, at: Duration, progress: &Progress) {
        self.whole.apply(at, progress.done, progress.total);
        for LayerProgress { name, done, total } in &progress.layers {
            let known = self.layers.iter().position(|(known, _)| known == name);
            let place = known.unwrap_or_else(|| {
                self.layers.push((name.clone(), Flow::default()));
                self.layers.len() - 1
            });
            self.layers[place].1.apply(at, *done, *total);
        }
    }

    /// The layers that are neither waiting nor there.
    pub fn under_way(&self) -> impl Iterator<Item = &(String, Flow)> {
        self.layers.iter().filter(|(_, flow)| flow.done > 0 && flow.done < flow.total)
    }
}

impl Flow {
    fn apply(&mut self, at: Duration, done: u64, total: u64) {
        if done < self.done {
            // What has to be sent again would make it slower than it is.
            self.seen.clear();
        }
        (self.done, self.total) = (done, total);
        if self.seen.back().is_none_or(|(last, _)| at.saturating_sub(*last) >= LEAST) {
            self.seen.push_back((at, done));
        }
        let begin = at.saturating_sub(WINDOW);
        while self.seen.get(1).is_some_and(|(second, _)| *second <= begin) {
            self.seen.pop_front();
        }
    }

    /// Bytes a second of late; nothing while that is too short a time to tell,
    /// and nothing of what stands still.
    pub fn rate(&self, now: Duration) -> Option<u64> {
        let (since, before) = self.seen.front()?;
        let span = now.saturating_sub(*since);
        let bytes = self.done.saturating_sub(*before);
        if span < LEAST || bytes == 0 {
            return None;
        }
        u64::try_from(u128::from(bytes) * 1000 / span.as_millis()).ok()
    }

    /// The part that is done, in percent, where the whole is known.
    pub fn percent(&self) -> Option<u64> {
        let part = u128::from(self.done.min(self.total)) * 100;
        part.checked_div(u128::from(self.total)).and_then(|percent| u64::try_from(percent).ok())
    }

    /// How long the rest will take, in whole seconds; nothing where there is no
    /// rest, and where it cannot be told.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        let rest = self.total.checked_sub(self.done).filter(|rest| *rest > 0)?;
        let rate = self.rate(now).filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(rest.div_ceil(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Flow, Transfer};
    use crate::event::{LayerProgress, Progress, Verb};
    use std::time::Duration;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn flow(seen: &[(u64, u64)]) -> Flow {
        let mut flow = Flow::default();
        for (seconds, done) in seen {
            flow.apply(at(*seconds), *done, 10_000);
        }
        flow
    }

    #[test]
    fn the_rate_and_the_time_left_are_those_of_late() {
        let steady = flow(&[(1, 0), (3, 4_000)]);
        assert_eq!(
            (steady.rate(at(3)), steady.percent(), steady.left(at(3))),
            (Some(2_000), Some(40), Some(at(3)))
        );

        let faster = flow(&[(0, 0), (60, 100), (70, 5_100), (80, 8_100)]);
        assert_eq!(
            faster.rate(at(80)),
            Some(400),
            "since 60 s, the last that was seen before the window"
        );
        assert_eq!(faster.left(at(80)), Some(at(5)), "1900 bytes at 400 a second, rounded up");
    }

    #[test]
    fn what_cannot_be_told_is_not() {
        assert_eq!(flow(&[(1, 0)]).rate(at(1)), None);
        assert_eq!(flow(&[(1, 500), (9, 500)]).rate(at(9)), None, "it stands still");
        assert_eq!(flow(&[(0, 0), (9, 10_000)]).left(at(9)), None, "it is complete");
        assert_eq!(Flow::default().percent(), None);
        assert_eq!(flow(&[(0, 1)]).rate(at(0)), None);
    }

    #[test]
    fn what_is_sent_again_is_measured_anew() {
        let again = flow(&[(0, 0), (10, 9_000), (11, 0), (13, 2_000)]);
        assert_eq!(again.rate(at(13)), Some(1_000));
    }

    #[test]
    fn what_stands_still_gets_slower() {
        let still = flow(&[(0, 0), (2, 2_000)]);
        assert_eq!((still.rate(at(2)), still.rate(at(8))), (Some(1_000), Some(250)));
    }

    #[test]
    fn layers_keep_their_order_and_are_under_way_in_between() {
        let layer = |name: &str, done| LayerProgress { name: name.to_owned(), done, total: 10 };
        let mut transfer = Transfer::new(Verb::Pulled);
        let progress = |done, layers| Progress { verb: Verb::Pulled, done, total: 30, layers };
        let layers = vec![layer("b", 0), layer("a", 10), layer("c", 3)];
        transfer.apply(at(0), &progress(13, layers));
        transfer.apply(at(1), &progress(17, vec![layer("b", 4)]));

        let names = |flows: Vec<&(String, Flow)>| -> Vec<String> {
            flows.into_iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(transfer.layers.iter().collect()), ["b", "a", "c"]);
        assert_eq!(names(transfer.under_way().collect()), ["b", "c"]);
    }
}
