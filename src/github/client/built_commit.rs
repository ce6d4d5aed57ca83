//! The commit that a comment is about, in a hidden line of its own: a run of an older
//! commit that ends later must not replace what the run of a newer one says.

use jiff::Timestamp;
use std::fmt;

/// A commit that was built, and when it was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuiltCommit {
    pub hash: String,
    pub time: Timestamp,
}

const BEGINNING: &str = "<!-- shipway commit=";
const TIME: &str = " time=";
const END: &str = " -->";

impl BuiltCommit {
    /// Reads the hidden line of a comment. `None` without one, or with one that was edited.
    pub fn of_comment(body: &str) -> Option<Self> {
        // Text that others wrote, such as a log, begins after the hidden lines.
        let mut hidden = body.trim_start().lines().take_while(|line| line.starts_with("<!-- "));
        let hidden = hidden.find_map(|line| line.trim_end().strip_prefix(BEGINNING))?;
        let (hash, time) = hidden.strip_suffix(END)?.split_once(TIME)?;
        Some(Self { hash: hash.to_owned(), time: time.parse().ok()? })
    }

    /// The hidden line.
    pub fn line(&self) -> String {
        format!("{BEGINNING}{}{TIME}{}{END}", self.hash, self.time)
    }

    /// Whether this is another commit, made later.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.time > other.time && self.hash != other.hash
    }
}

impl fmt::Display for BuiltCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.hash.get(..7).unwrap_or(&self.hash), self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::BuiltCommit;

    fn commit(hash: &str, time: &str) -> BuiltCommit {
        BuiltCommit { hash: hash.into(), time: time.parse().expect("a time") }
    }

    #[test]
    fn commit_is_read_from_the_hidden_line_of_a_comment() {
        let built = commit("1111111aaa", "2026-11-20T10:00:00Z");
        assert_eq!(built.line(), "<!-- shipway commit=1111111aaa time=2026-11-20T10:00:00Z -->");
        assert_eq!(built.to_string(), "1111111 of 2026-11-20T10:00:00Z");
        let comment = format!("<!-- shipway key=shop// -->\r\n{}\r\n### shop\r\n", built.line());
        assert_eq!(BuiltCommit::of_comment(&comment), Some(built));
        for other in ["### shop", "<!-- shipway commit=1 -->", "<!-- shipway commit=1 time=x -->"] {
            assert_eq!(BuiltCommit::of_comment(other), None, "{other}");
        }
    }

    #[test]
    fn another_commit_that_was_made_later_is_newer() {
        let own = commit("1111111aaa", "2026-11-20T10:00:00Z");
        let is_newer = |hash, time| commit(hash, time).is_newer_than(&own);
        assert!(is_newer("2222222bbb", "2026-11-20T10:00:01Z"));
        assert!(!is_newer("2222222bbb", "2026-11-20T10:00:00Z"), "the same second");
        assert!(!is_newer("1111111aaa", "2026-11-20T10:00:01Z"), "the same commit");
    }
}
