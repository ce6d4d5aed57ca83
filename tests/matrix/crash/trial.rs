//! One run that gets a signal at one point and is resumed.

use super::point::{Point, RecordMoment};
use super::stopped::stopped;
use super::subject::{Ended, Subject};
use super::tracer::{Order, Seen};
use crate::proxy::rule::{Act, RequestPlace, Rule};
use nix::sys::signal::Signal;
use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

/// What is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `run` with a cloud that outlives it.
    Cloud,
    /// `dry-run`, whose cloud and containers end with it.
    DryRun,
}

pub struct Trial {
    kind: Kind,
    point: Point,
    signal: Signal,
}

/// How a run that got a signal came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    Resumed,
    /// A `run` step may have been done, and was repeated because that was asked for.
    Repeated,
    /// It had not begun when it was killed.
    BegunAgain,
    /// It had recorded its end, and only the process went on.
    HadEnded,
    /// It ended before that point.
    NotReached,
}

/// What came of a trial.
pub struct Outcome {
    pub ending: Ending,
    /// What is not as it must be.
    pub problems: Vec<String>,
    /// How long after its signal the run ended.
    pub after: Option<Duration>,
}

impl Trial {
    pub fn cloud(point: Point) -> Self {
        Self { kind: Kind::Cloud, point, signal: Signal::SIGKILL }
    }

    pub fn dry_run(point: Point) -> Self {
        Self { kind: Kind::DryRun, point, signal: Signal::SIGKILL }
    }

    /// The same with a signal that asks the program to end.
    pub fn with(self, signal: Signal) -> Self {
        Self { signal, ..self }
    }

    /// What is run, without a signal.
    pub fn undisturbed(&self) -> Subject {
        Subject::with_rules(self.kind, Vec::new())
    }

    /// The line of the table that it counts in.
    pub fn kind(&self) -> String {
        match self.kind {
            Kind::Cloud => format!("run, {}", self.point.kind()),
            Kind::DryRun => format!("dry run, {}", self.point.kind()),
        }
    }

    /// Sends the signal to a run, resumes it, and returns what is wrong at its end.
    pub fn run(&self) -> Outcome {
        let subject = Subject::with_rules(self.kind, self.rules());
        let ended = match &self.point {
            Point::BeforeRequest(_) | Point::AfterRequest(_) => subject.watched(),
            point => subject.traced(self.signal, |seen| order(point, seen)),
        };
        let Ended { status, after } = &ended;
        if after.is_none() || self.signal == Signal::SIGKILL && status.signal().is_none() {
            let problems = if status.success() { Vec::new() } else { vec![subject.said()] };
            return Outcome { ending: Ending::NotReached, problems, after: *after };
        }
        let mut problems = subject.orphans();
        if self.signal != Signal::SIGKILL {
            problems.extend(stopped(&subject, self.signal, &ended));
        }
        let (ending, finished) = subject.resume();
        let end = subject.end(&finished);
        problems.extend(end.differences());
        if ending != Ending::HadEnded {
            problems.extend(end.told());
        }
        problems.extend(end.github_differences());
        problems.extend(end.unmarked());
        problems.extend(end.leftovers(&subject.temporary()));
        problems.extend(end.open_uploads(self.may_leave_an_upload()));
        problems.extend(subject.repeated_effects(ending));
        problems.extend(subject.orphans());
        if !problems.is_empty() {
            problems.push(end.said());
        }
        Outcome { ending, problems, after: *after }
    }

    /// Whether it was killed while uploads were opened, of which several are under way at
    /// once. Where no process has learned the address, the registry alone can end one.
    fn may_leave_an_upload(&self) -> bool {
        // One that is stopped opens further ones before it hears of that.
        if self.signal != Signal::SIGKILL {
            return true;
        }
        match &self.point {
            Point::BeforeRequest(place) | Point::AfterRequest(place) => {
                place.key.contains("/blobs/uploads/")
            }
            Point::IntoStep(..) => true,
            Point::Record(..) | Point::Child(_) => false,
        }
    }

    fn rules(&self) -> Vec<Rule> {
        let rule =
            |place: &RequestPlace, act| vec![Rule { place: place.clone(), always: false, act }];
        match &self.point {
            Point::BeforeRequest(place) => rule(place, Act::SignalBefore(self.signal)),
            Point::AfterRequest(place) => rule(place, Act::SignalAfter(self.signal)),
            Point::Record(..) | Point::Child(_) | Point::IntoStep(..) => Vec::new(),
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.kind == Kind::Cloud { "run" } else { "dry run" };
        write!(f, "{what}, {}, {}", self.signal, self.point)
    }
}

fn order(point: &Point, seen: Seen) -> Order {
    match (point, seen) {
        (Point::Record(number, moment), Seen::Record(at, now))
            if (*number, *moment) == (at, now) =>
        {
            Order::Send
        }
        (Point::Child(number), Seen::Child(at)) if *number == at => Order::Send,
        (Point::IntoStep(number, time), Seen::Record(at, RecordMoment::Synced))
            if *number == at =>
        {
            Order::SendIn(*time)
        }
        _ => Order::GoOn,
    }
}
