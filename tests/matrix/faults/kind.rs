//! The faults that a request or a connection can meet.

use crate::proxy::rule::{Act, AnswerFault, ConnectionFault, Refusal, RequestPlace, Rule};
use std::fmt;
use std::time::Duration;

/// A fault at one place.
#[derive(Clone, Debug)]
pub struct Fault {
    pub place: RequestPlace,
    /// Whether each later request to the same place meets it too.
    pub always: bool,
    pub act: Act,
}

/// Longer than the program waits for a byte.
const HANGS: Duration = Duration::from_mins(5);

const fn refuse(status: u16) -> Act {
    Act::Refuse(Refusal { status, retry_after: None })
}

const fn busy(status: u16) -> Act {
    Act::Refuse(Refusal { status, retry_after: Some(1) })
}

/// What passes by itself, so that a run must survive it.
const TRANSIENT: [Act; 18] = [
    Act::Delay(Duration::from_millis(300)),
    Act::CloseBefore,
    Act::CloseAfter,
    refuse(408),
    refuse(429),
    busy(429),
    refuse(500),
    refuse(502),
    refuse(503),
    busy(503),
    refuse(504),
    Act::RefuseAfter(Refusal { status: 500, retry_after: None }),
    Act::RefuseAfter(Refusal { status: 502, retry_after: None }),
    Act::RefuseAfter(Refusal { status: 503, retry_after: Some(1) }),
    Act::RefuseAfter(Refusal { status: 504, retry_after: None }),
    Act::Answer(AnswerFault::Truncated),
    Act::Answer(AnswerFault::LengthTooGreat),
    Act::Answer(AnswerFault::SlowDrip),
];

/// What does not pass, or only by luck.
const OTHER: [Act; 25] = [
    refuse(400),
    refuse(401),
    refuse(402),
    refuse(403),
    refuse(404),
    refuse(405),
    refuse(409),
    refuse(410),
    refuse(412),
    refuse(413),
    refuse(415),
    refuse(416),
    refuse(422),
    refuse(431),
    refuse(451),
    refuse(501),
    Act::Answer(AnswerFault::LengthTooSmall),
    Act::Answer(AnswerFault::Oversized),
    Act::Answer(AnswerFault::WrongType),
    Act::Answer(AnswerFault::Portal),
    Act::Answer(AnswerFault::Garbage),
    Act::Answer(AnswerFault::OtherJson("{}")),
    Act::Answer(AnswerFault::OtherJson("[null]")),
    Act::Answer(AnswerFault::Empty),
    Act::Redirect,
];

/// What also goes on for ever.
const LASTING: [Act; 12] = [
    Act::Redirect,
    Act::CloseBefore,
    Act::CloseAfter,
    refuse(401),
    refuse(404),
    refuse(429),
    refuse(500),
    refuse(503),
    Act::RefuseAfter(Refusal { status: 502, retry_after: None }),
    Act::Answer(AnswerFault::Truncated),
    Act::Answer(AnswerFault::Portal),
    Act::Answer(AnswerFault::Empty),
];

const CONNECTION: [ConnectionFault; 8] = [
    ConnectionFault::Refused(502),
    ConnectionFault::Refused(503),
    ConnectionFault::Closed,
    ConnectionFault::NoTls,
    ConnectionFault::Expired,
    ConnectionFault::OtherName,
    ConnectionFault::Untrusted,
    ConnectionFault::NoHttp,
];

/// Every fault at this place.
pub fn faults_at(place: &RequestPlace) -> Vec<Fault> {
    let fault = |act, always| Fault { place: place.clone(), always, act };
    let is_first = place.nth == 0;
    if place.key.starts_with("CONNECT ") {
        let all = CONNECTION.map(Act::Connection);
        let mut faults: Vec<Fault> = all.map(|act| fault(act, false)).into();
        if is_first {
            faults.extend(all.map(|act| fault(act, true)));
        }
        return faults;
    }
    let once = TRANSIENT.into_iter().chain(OTHER);
    let mut faults: Vec<Fault> = once.map(|act| fault(act, false)).collect();
    if is_first {
        faults.extend(LASTING.map(|act| fault(act, true)));
    }
    faults
}

/// One request for each host that is not answered for as long as the program waits.
pub fn hangs(places: &[RequestPlace]) -> Vec<Fault> {
    let mut hosts = Vec::new();
    let is_new = |place: &&RequestPlace| {
        let host = host_of(&place.key).to_owned();
        !place.key.starts_with("CONNECT ") && !hosts.contains(&host) && {
            hosts.push(host);
            true
        }
    };
    let first: Vec<&RequestPlace> = places.iter().filter(is_new).collect();
    let hang = |place: &RequestPlace| Fault {
        place: place.clone(),
        always: false,
        act: Act::Delay(HANGS),
    };
    first.into_iter().map(hang).collect()
}

/// The host of a request's key.
pub fn host_of(key: &str) -> &str {
    let host = key.split(' ').nth(1).unwrap_or_default();
    host.strip_suffix(":443").unwrap_or(host)
}

impl Fault {
    pub fn rule(&self) -> Rule {
        Rule { place: self.place.clone(), always: self.always, act: self.act }
    }

    /// Whether a run must succeed in spite of it.
    pub fn is_transient(&self) -> bool {
        !self.always
            && (TRANSIENT.contains(&self.act)
                || self.act == Act::Delay(HANGS)
                || matches!(
                    self.act,
                    Act::Connection(ConnectionFault::Refused(_) | ConnectionFault::Closed)
                ))
    }

    /// Whether the server says that it does not have what was asked for.
    pub fn is_not_found(&self) -> bool {
        self.act == refuse(404)
    }

    /// The line of the table that it counts in.
    pub fn kind(&self) -> String {
        let what = match self.act {
            Act::Delay(_) => "a late answer".to_owned(),
            Act::CloseBefore => "closed before the request was taken".to_owned(),
            Act::CloseAfter => "closed after the request was taken".to_owned(),
            Act::SignalBefore(_) | Act::SignalAfter(_) => "killed".to_owned(),
            Act::Refuse(Refusal { status, retry_after: Some(_) }) => {
                format!("{status} with Retry-After")
            }
            Act::Refuse(Refusal { status, .. }) => format!("{status}"),
            Act::RefuseAfter(Refusal { status, .. }) => {
                format!("{status} after the request was taken")
            }
            Act::Redirect => "redirected to itself".to_owned(),
            Act::Answer(AnswerFault::OtherJson(text)) => format!("other JSON, `{text}`"),
            Act::Answer(fault) => format!("answer: {fault:?}"),
            Act::Connection(fault) => format!("connection: {fault:?}"),
        };
        let lasting = if self.always { ", always" } else { "" };
        format!("{what}{lasting}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}, {} before it", self.kind(), self.place.key, self.place.nth)
    }
}
