//! The points at which a run can be killed, from a run that is not.

use super::point::{Point, RecordMoment};
use super::tracer::{Order, Seen};
use super::trial::Trial;
use crate::support::state::journal;
use nix::sys::signal::Signal;
use std::time::Duration;

/// In the first 10 ms of a step, denser at its start, where its programs start.
const INTO_STEP_MICROSECONDS: [u64; 15] =
    [100, 250, 500, 750, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 7000, 8000, 10_000];

/// The trials of a run of this kind.
pub fn points(trial: fn(Point) -> Trial) -> Vec<Trial> {
    let subject = trial(Point::Child(0)).undisturbed();
    let mut seen = Vec::new();
    let ended = subject.traced(Signal::SIGKILL, |what| {
        seen.push(what);
        Order::GoOn
    });
    assert!(ended.status.success(), "{}", subject.said());
    let mut points = Vec::new();
    for place in subject.requests() {
        points.push(Point::BeforeRequest(place.clone()));
        points.push(Point::AfterRequest(place));
    }
    points.extend(seen.iter().map(|what| match *what {
        Seen::Record(number, moment) => Point::Record(number, moment),
        Seen::Child(number) => Point::Child(number),
    }));
    let entries = journal(subject.program());
    let starts = (0..entries.len()).filter(|&at| entries[at]["entry"] == "step-started");
    for number in starts {
        let is_synced = seen.contains(&Seen::Record(number, RecordMoment::Synced));
        assert!(is_synced, "a step starts once its record is on the disk");
        points.extend(
            INTO_STEP_MICROSECONDS
                .map(Duration::from_micros)
                .map(|time| Point::IntoStep(number, time)),
        );
    }
    points.into_iter().map(trial).collect()
}
