//! The tag that says which run changes a target at the moment.

use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long a lease holds. A run that was killed keeps others waiting for this long.
const TERM: Duration = Duration::from_mins(2);

/// The right of one run to change a target, as its tag says it: `RUN until TIME`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The id of the run.
    pub run: String,
    pub until: Timestamp,
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} until {}", self.run, self.until)
    }
}

impl FromStr for Lease {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        let (run, until) = text.split_once(" until ").unwrap_or((text, ""));
        Ok(Self { run: run.to_owned(), until: until.parse()? })
    }
}

impl Lease {
    /// That of a run, from now on.
    pub fn from_now(run: &str) -> Self {
        Self { run: run.to_owned(), until: Timestamp::now() + TERM }
    }

    /// Whether a run must not change the target now. `run` is that run; a command that
    /// is no run has none.
    pub fn holds_against(&self, run: Option<&str>) -> bool {
        run != Some(&self.run) && self.until > Timestamp::now()
    }
}

#[cfg(test)]
mod tests {
    use super::Lease;

    #[test]
    fn lease_is_read_as_it_was_written() {
        let lease = Lease {
            run: "01kdt4eyg0000000000000000a".into(),
            until: "2026-11-20T10:00:00Z".parse().expect("a time"),
        };
        assert_eq!(lease.to_string(), "01kdt4eyg0000000000000000a until 2026-11-20T10:00:00Z");
        assert_eq!(lease.to_string().parse::<Lease>().expect("a lease"), lease);
        "01kdt4eyg0000000000000000a".parse::<Lease>().expect_err("no time");
    }

    #[test]
    fn lease_holds_against_other_runs_until_it_ends() {
        let lease = Lease::from_now("a");
        assert!(lease.holds_against(Some("b")));
        assert!(lease.holds_against(None));
        assert!(!lease.holds_against(Some("a")));
        let ended = Lease { until: "2026-11-20T10:00:00Z".parse().expect("a time"), ..lease };
        assert!(!ended.holds_against(Some("b")));
    }
}
