//! Why a request was not answered.

use crate::http::TunnelError;
use crate::run::outcome::chain_of;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why there was no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoAnswer {
    /// No connection was made: nothing listens there.
    Refused {
        /// What does listen in the service, where the other side tells.
        listening: Vec<SocketAddr>,
    },
    /// The local cloud has no such host, and says so.
    Barred(String),
    /// No answer within the time of an attempt.
    TimedOut,
    /// Another error, such as an unknown host or a connection that was closed.
    Broken(String),
}

impl NoAnswer {
    /// The reason for the error of a request or a connection.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        if is_refused(error) {
            return Self::Refused { listening: Vec::new() };
        }
        // Its first line names the request, which the report shows anyway.
        let chain = chain_of(error);
        Self::Broken(if chain.len() > 1 { chain[1..].join(": ") } else { chain.join(": ") })
    }

    /// Reads `Proxy-Status` (RFC 9209): the proxy answered in place of the service, to
    /// which it has no connection. The local cloud adds `listening`.
    pub fn of_proxy(status: &str) -> Option<Self> {
        let parameter = |name: &str| {
            status
                .split(';')
                .skip(1)
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let error = parameter("error")?;
        let listening = parameter("listening").unwrap_or_default().trim_matches('"');
        let listening = listening.split(' ').filter_map(|text| text.parse().ok()).collect();
        let details = status.split_once("details=\"").and_then(|(_, rest)| rest.split_once('"'));
        Some(match (error, details) {
            ("connection_refused", _) => Self::Refused { listening },
            // Another proxy may let the next request pass.
            ("http_request_denied", Some((details, _))) if status.starts_with("shipway;") => {
                Self::Barred(details.to_owned())
            }
            (_, Some((details, _))) => Self::Broken(details.to_owned()),
            (other, None) => Self::Broken(format!("the proxy has no connection to it: {other}")),
        })
    }

    /// The reason of a connection that was not made. A proxy that refused it says why in
    /// its head.
    pub fn of_tunnel(error: &TunnelError) -> Self {
        match error {
            TunnelError::Refused { proxy_status: Some(status), .. } => {
                Self::of_proxy(status).unwrap_or_else(|| Self::Broken(error.to_string()))
            }
            TunnelError::Refused { .. } => Self::Broken(error.to_string()),
            TunnelError::Connect { .. } => Self::of(error),
        }
    }
}

/// Whether an error or one of its causes is a refused connection.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            return true;
        }
        next = error.source();
    }
    false
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused { .. } => "nothing listens there",
            Self::TimedOut => "no answer in time",
            Self::Barred(why) | Self::Broken(why) => why,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::NoAnswer;

    #[test]
    fn a_proxy_says_that_it_has_no_connection() {
        let read = NoAnswer::of_proxy;
        let listening = vec!["0.0.0.0:80".parse().expect("an address")];
        assert_eq!(
            read("shipway; error=connection_refused; listening=\"0.0.0.0:80\""),
            Some(NoAnswer::Refused { listening })
        );
        assert_eq!(
            read("gate; error=connection_refused"),
            Some(NoAnswer::Refused { listening: Vec::new() })
        );
        assert_eq!(
            read("gate;error=dns_timeout").map(|found| found.to_string()).as_deref(),
            Some("the proxy has no connection to it: dns_timeout")
        );
        assert_eq!(
            read("shipway; error=http_request_denied; details=\"`b.io` is not there\""),
            Some(NoAnswer::Barred("`b.io` is not there".into()))
        );
        assert_eq!(
            read("gate; error=http_request_denied; details=\"not now\""),
            Some(NoAnswer::Broken("not now".into()))
        );
        let status =
            "shipway; error=proxy_internal_response; details=\"`a.io` is not simulated; no\"";
        assert_eq!(read(status), Some(NoAnswer::Broken("`a.io` is not simulated; no".into())));
        assert_eq!(read("gate; received-status=200"), None, "the answer of the service");
    }
}
