//! What of a log was printed already: the service gives windows of last lines, never
//! what is new.

use crate::run::perform::split_time;
use jiff::Timestamp;

/// A line of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// As the service spells it; empty for a line before the first that has one.
    pub time: String,
    pub text: String,
}

impl LogLine {
    /// Whether the line was written at a time or later. One without a time is kept.
    pub fn is_since(&self, since: Timestamp) -> bool {
        self.time.parse::<Timestamp>().map_or(true, |time| time >= since)
    }
}

/// The place up to which a log was printed.
///
/// Several lines may have the same time, and standard output and error may be out of
/// order, so the place is the last line's time and how many lines had it.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    last: Option<(String, usize)>,
    /// A last line that may still grow.
    held: Option<LogLine>,
}

/// What a window shows that was not printed.
#[derive(Debug, Eq, PartialEq)]
pub enum News {
    Lines(Vec<LogLine>),
    /// The place is not in the window: there may be lines before it.
    Gap,
}

impl Cursor {
    /// The lines of a window after the place, which moves behind them. A last line
    /// without its end is held back until it has stayed the same once.
    pub fn take(&mut self, window: &str) -> News {
        let mut lines = lines(window);
        if !window.ends_with('\n')
            && let Some(last) = lines.pop()
        {
            if self.held.as_ref() == Some(&last) {
                lines.push(last);
            } else {
                self.held = Some(last);
            }
        }
        let from = match &self.last {
            None => 0,
            Some((time, count)) => {
                let same = lines.iter().enumerate().filter(|(_, line)| line.time == *time);
                match same.map(|(at, _)| at).nth(count - 1) {
                    Some(at) => at + 1,
                    None if lines.is_empty() => return News::Lines(Vec::new()),
                    None => return News::Gap,
                }
            }
        };
        let Some(last) = lines.last().map(|line| line.time.clone()) else {
            return News::Lines(Vec::new());
        };
        let count = lines.iter().filter(|line| line.time == last).count();
        let new = lines.split_off(from);
        if !new.is_empty() {
            self.last = Some((last, count));
        }
        News::Lines(new)
    }

    /// Forgets the place, as for a container that was started again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The lines of a window with times. A line without one goes on the line before.
pub fn lines(window: &str) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = Vec::new();
    for line in window.lines() {
        lines.push(match split_time(line) {
            Some((time, text)) => LogLine { time: time.to_owned(), text: text.to_owned() },
            None => LogLine {
                time: lines.last().map(|last| last.time.clone()).unwrap_or_default(),
                text: line.to_owned(),
            },
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Cursor, News, lines};

    const T1: &str = "2026-11-21T10:00:01.000000001Z";
    const T2: &str = "2026-11-21T10:00:02Z";

    /// The texts of the new lines; `None` for a gap.
    fn taken(cursor: &mut Cursor, window: &str) -> Option<Vec<String>> {
        match cursor.take(window) {
            News::Lines(lines) => Some(lines.into_iter().map(|line| line.text).collect()),
            News::Gap => None,
        }
    }

    fn lines_of(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn each_line_is_taken_once_though_times_repeat() {
        let mut cursor = Cursor::default();
        assert_eq!(taken(&mut cursor, ""), Some(lines_of(&[])));
        assert_eq!(taken(&mut cursor, &format!("{T1} a\n{T1} a\n")), Some(lines_of(&["a", "a"])));
        assert_eq!(taken(&mut cursor, &format!("{T1} a\n{T1} a\n")), Some(lines_of(&[])));
        let window = format!("{T1} a\n{T1} a\n{T1} a\n{T2} b\n");
        assert_eq!(taken(&mut cursor, &window), Some(lines_of(&["a", "b"])));
        let window = format!("{T1} a\n{T2} b\n{T2} c\n");
        assert_eq!(taken(&mut cursor, &window), Some(lines_of(&["c"])));
    }

    #[test]
    fn lines_may_be_missing_where_the_window_has_moved_on() {
        let mut cursor = Cursor::default();
        assert_eq!(taken(&mut cursor, &format!("{T1} a\n")), Some(lines_of(&["a"])));
        assert_eq!(taken(&mut cursor, &format!("{T2} b\n")), None);
        assert_eq!(taken(&mut cursor, ""), Some(lines_of(&[])));
        cursor.reset();
        assert_eq!(taken(&mut cursor, &format!("{T2} b\n")), Some(lines_of(&["b"])));
    }

    #[test]
    fn line_that_may_grow_is_held_back_until_it_stays() {
        let mut cursor = Cursor::default();
        assert_eq!(taken(&mut cursor, &format!("{T1} a\n{T2} b")), Some(lines_of(&["a"])));
        assert_eq!(taken(&mut cursor, &format!("{T1} a\n{T2} bc")), Some(lines_of(&[])));
        assert_eq!(taken(&mut cursor, &format!("{T1} a\n{T2} bc")), Some(lines_of(&["bc"])));
        assert_eq!(taken(&mut cursor, &format!("{T1} a\n{T2} bc\n")), Some(lines_of(&[])));
    }

    #[test]
    fn line_without_a_time_goes_on_the_one_before() {
        let found = lines(&format!("{T1} one\n  more\n"));
        assert_eq!((found[1].time.as_str(), found[1].text.as_str()), (T1, "  more"));
    }
}
