//! What happens to one request or connection on its way.

use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::time::Duration;

/// A request: its key, and how many with this key come before it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestPlace {
    pub key: String,
    pub nth: usize,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub place: RequestPlace,
    /// Whether each later request with this key meets the same.
    pub always: bool,
    pub act: Act,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// Forwards it later.
    Delay(Duration),
    /// Closes the connection before the server got the request.
    CloseBefore,
    /// Closes the connection once the server has answered.
    CloseAfter,
    /// Sends the program a signal before the server gets the request.
    SignalBefore(Signal),
    /// Sends the program a signal once the server has answered.
    SignalAfter(Signal),
    /// Answers in place of the server.
    Refuse(Refusal),
    /// Forwards it and answers in place of the server all the same, as a gateway does
    /// that does not wait.
    RefuseAfter(Refusal),
    /// Redirects it to the same URL.
    Redirect,
    /// Changes the answer of the server.
    Answer(AnswerFault),
    /// Breaks the connection before any request.
    Connection(ConnectionFault),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub status: u16,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AnswerFault {
    /// The connection closes in the middle of the body.
    Truncated,
    /// `Content-Length` is greater than the body, and the connection stays open no longer.
    LengthTooGreat,
    /// `Content-Length` is less than the body.
    LengthTooSmall,
    /// A body of a gigabyte.
    Oversized,
    /// The body is right, its type is not.
    WrongType,
    /// A page of HTML with status 200, as of a captive portal.
    Portal,
    /// Random bytes with status 200.
    Garbage,
    /// Valid JSON of another shape, with status 200.
    OtherJson(&'static str),
    /// Status 200 without a body.
    Empty,
    /// A body that comes byte by byte, within a second.
    SlowDrip,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnectionFault {
    /// The proxy refuses to connect, as it does where a name is not found or a host is
    /// down.
    Refused(u16),
    /// The connection closes at once.
    Closed,
    /// Bytes that are no TLS.
    NoTls,
    /// A certificate that has expired.
    Expired,
    /// A certificate of another host.
    OtherName,
    /// A certificate of an authority that nothing trusts.
    Untrusted,
    /// TLS, and then bytes that are no HTTP.
    NoHttp,
}

/// The rules of one run, and the requests that came so far.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    seen: HashMap<String, usize>,
    places: Vec<RequestPlace>,
    /// How many requests met a rule.
    pub met: usize,
}

impl Rules {
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Counts a request and returns what happens to it.
    pub fn take(&mut self, key: String) -> Option<Act> {
        let nth = self.seen.entry(key.clone()).or_default();
        let place = RequestPlace { key, nth: *nth };
        *nth += 1;
        let meets = |rule: &&Rule| {
            rule.place.key == place.key
                && if rule.always {
                    rule.place.nth <= place.nth
                } else {
                    rule.place.nth == place.nth
                }
        };
        let act = self.rules.iter().find(meets).map(|rule| rule.act);
        self.met += usize::from(act.is_some());
        self.places.push(place);
        act
    }

    /// The requests in the order of their arrival.
    pub fn places(&self) -> &[RequestPlace] {
        &self.places
    }
}
