//! The moments at which a run is killed.

use crate::proxy::rule::RequestPlace;
use std::fmt;
use std::time::Duration;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RecordMoment {
    BeforeWrite,
    /// It may not be on the disk.
    Written,
    Synced,
}

#[derive(Clone, Debug)]
pub enum Point {
    /// Before a request reached the cloud.
    BeforeRequest(RequestPlace),
    /// After the cloud answered it, before the program got the answer.
    AfterRequest(RequestPlace),
    /// At the journal's entry of this number.
    Record(usize, RecordMoment),
    /// At the event of this number in the life of a child: made, another program, ended.
    Child(usize),
    /// This much after the journal's entry of this number, which starts a step.
    IntoStep(usize, Duration),
}

impl Point {
    /// The line of the table that it counts in.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BeforeRequest(_) => "before a request is forwarded",
            Self::AfterRequest(_) => "after a request is answered",
            Self::Record(_, RecordMoment::BeforeWrite) => "before a record of the journal",
            Self::Record(_, RecordMoment::Written) => "after the write of a record",
            Self::Record(_, RecordMoment::Synced) => "after the sync of a record",
            Self::Child(_) => "around the life of a child",
            Self::IntoStep(..) => "in the first 10 ms of a step",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind())?;
        match self {
            Self::BeforeRequest(place) | Self::AfterRequest(place) => {
                write!(f, "{}, {} before it", place.key, place.nth)
            }
            Self::Record(number, _) => write!(f, "record {number}"),
            Self::Child(number) => write!(f, "event {number}"),
            Self::IntoStep(number, time) => write!(f, "{time:?} after record {number}"),
        }
    }
}
