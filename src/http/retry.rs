//! Whether the same request may be sent again, decided by the error alone.
//!
//! The plan says how often, and the loop of the run waits.

use std::time::Duration;

/// Whether the same request may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// The same request would fail the same way.
    Never,
    /// Yes, on the schedule of the plan.
    Backoff,
    /// Yes, after the time that the server named, which overrides the schedule.
    After(Duration),
}

/// An error with its retry class and its remedy.
pub trait Retryable: std::error::Error + Send + Sync + 'static {
    fn retry(&self) -> Retry;

    /// The remedy: one or more sentences, without a full stop at the end.
    fn help(&self) -> Option<String> {
        None
    }
}

/// Reads a `Retry-After` header: seconds, or a date that is compared with `now`.
///
/// RFC 9110, section 10.2.3.
pub fn parse_retry_after(value: &str, now: jiff::Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::parse_retry_after;
    use std::time::Duration;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-11-21T10:00:00Z".parse().expect("a timestamp");
        let read = |value| parse_retry_after(value, now);

        assert_eq!(read("17"), Some(Duration::from_secs(17)));
        assert_eq!(read("Sat, 21 Nov 2026 10:01:00 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(read("Sat, 21 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
    }
}
