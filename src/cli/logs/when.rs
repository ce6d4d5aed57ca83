//! Which lines are meant: how many of the last, and since when.

use crate::plan::literal::Literal as _;
use jiff::Timestamp;
use std::str::FromStr;
use std::time::Duration;

/// How many of the last lines are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tail {
    Lines(u32),
    All,
}

impl Tail {
    /// What is shown unless the command line says otherwise.
    pub fn default_of(follow: bool) -> Self {
        Self::Lines(if follow { 20 } else { 100 })
    }

    /// The number of lines; `None` for all.
    pub fn count(self) -> Option<u32> {
        match self {
            Self::Lines(count) => Some(count),
            Self::All => None,
        }
    }

    /// Where the last lines begin of so many.
    pub fn start_of(self, lines: usize) -> usize {
        let count = self.count().and_then(|count| usize::try_from(count).ok());
        count.map_or(0, |count| lines.saturating_sub(count))
    }
}

impl FromStr for Tail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.parse().map(Self::Lines).map_err(|_| "write a number, or `all`".to_owned())
    }
}

/// Since when lines are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Since {
    Ago(Duration),
    Time(Timestamp),
}

impl Since {
    /// The time that this is.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(duration) => now.checked_sub(duration).unwrap_or(Timestamp::MIN),
            Self::Time(time) => time,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(duration) = Duration::parse(text) {
            return Ok(Self::Ago(duration));
        }
        text.parse().map(Self::Time).map_err(|_| {
            "write a duration such as `10m`, or a time such as `2026-11-21T10:00:00Z`".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Since, Tail};
    use jiff::Timestamp;

    #[test]
    fn tail_is_a_number_or_all() {
        assert_eq!("20".parse(), Ok(Tail::Lines(20)));
        assert_eq!("all".parse(), Ok(Tail::All));
        assert_eq!("-1".parse::<Tail>(), Err("write a number, or `all`".to_owned()));
    }

    #[test]
    fn since_is_a_duration_or_a_time() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a time");
        let since = |text: &str| text.parse::<Since>().map(|since| since.before(now).to_string());
        assert_eq!(since("1h30m").as_deref(), Ok("2026-11-21T08:30:00Z"));
        assert_eq!(since("2026-11-20T10:00:00Z").as_deref(), Ok("2026-11-20T10:00:00Z"));
        assert_eq!(
            since("yesterday"),
            Err("write a duration such as `10m`, or a time such as `2026-11-21T10:00:00Z`"
                .to_owned())
        );
    }
}
