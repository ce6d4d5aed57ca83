//! The amount, rate and remaining time of a transfer.
//!
//! Pure: the time is that of the events.

use crate::event::{LayerProgress, Progress, Verb};
use std::collections::VecDeque;
use std::time::Duration;

/// The rate is the average of this time.
const RATE_WINDOW: Duration = Duration::from_secs(15);
/// A rate over a shorter time would jump.
const MIN_RATE_SPAN: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    pub verb: Verb,
    pub whole: Flow,
    /// The layers in the order of their first event.
    pub layers: Vec<(String, Flow)>,
}

/// The progress of one amount of bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    pub done: u64,
    /// As far as is known.
    pub total: u64,
    /// Samples of `done`, the oldest first. The first may be older than the window,
    /// so that the whole window is covered.
    samples: VecDeque<(Duration, u64)>,
}

impl Transfer {
    pub(super) fn new(verb: Verb) -> Self {
        Self { verb, whole: Flow::default(), layers: Vec::new() }
    }

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

    /// The layers that have begun and are not complete.
    pub fn under_way(&self) -> impl Iterator<Item = &(String, Flow)> {
        self.layers.iter().filter(|(_, flow)| flow.done > 0 && flow.done < flow.total)
    }
}

impl Flow {
    fn apply(&mut self, at: Duration, done: u64, total: u64) {
        if done < self.done {
            // After a restart, the old samples would make the rate too low.
            self.samples.clear();
        }
        (self.done, self.total) = (done, total);
        if self.samples.back().is_none_or(|(last, _)| at.saturating_sub(*last) >= MIN_RATE_SPAN) {
            self.samples.push_back((at, done));
        }
        let begin = at.saturating_sub(RATE_WINDOW);
        while self.samples.get(1).is_some_and(|(second, _)| *second <= begin) {
            self.samples.pop_front();
        }
    }

    /// Bytes per second. `None` if the time is too short or nothing was transferred.
    pub fn rate(&self, now: Duration) -> Option<u64> {
        let (since, before) = self.samples.front()?;
        let span = now.saturating_sub(*since);
        let bytes = self.done.saturating_sub(*before);
        if span < MIN_RATE_SPAN || bytes == 0 {
            return None;
        }
        u64::try_from(u128::from(bytes) * 1000 / span.as_millis()).ok()
    }

    /// `None` if the total is unknown.
    pub fn percent(&self) -> Option<u64> {
        let part = u128::from(self.done.min(self.total)) * 100;
        part.checked_div(u128::from(self.total)).and_then(|percent| u64::try_from(percent).ok())
    }

    /// The remaining time in whole seconds. `None` if the transfer is complete or its
    /// rate is unknown.
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
    fn rate_and_time_left_are_those_of_the_window() {
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
    fn unknown_rate_time_and_percentage_are_none() {
        assert_eq!(flow(&[(1, 0)]).rate(at(1)), None);
        assert_eq!(flow(&[(1, 500), (9, 500)]).rate(at(9)), None, "it stands still");
        assert_eq!(flow(&[(0, 0), (9, 10_000)]).left(at(9)), None, "it is complete");
        assert_eq!(Flow::default().percent(), None);
        assert_eq!(flow(&[(0, 1)]).rate(at(0)), None);
    }

    #[test]
    fn a_restart_resets_the_rate() {
        let again = flow(&[(0, 0), (10, 9_000), (11, 0), (13, 2_000)]);
        assert_eq!(again.rate(at(13)), Some(1_000));
    }

    #[test]
    fn the_rate_of_a_stalled_transfer_falls() {
        let still = flow(&[(0, 0), (2, 2_000)]);
        assert_eq!((still.rate(at(2)), still.rate(at(8))), (Some(1_000), Some(250)));
    }

    #[test]
    fn layers_keep_their_order() {
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
