//! Tables of the terminal: columns under headings, without colours.

use crate::report::clean;
use jiff::Timestamp;

/// The cell of an unknown value.
pub const UNKNOWN: &str = "-";

/// Up to this, a time that comes is told in hours.
const MAX_HOURS_SECS: i64 = 72 * 3_600;

/// `42s`, `12m`, `5h`, `3d`: how long ago something was.
pub fn age(time: Option<Timestamp>, now: Timestamp) -> String {
    let Some(time) = time else { return UNKNOWN.to_owned() };
    let seconds = now.as_second().saturating_sub(time.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `in 47h`, `in 5d`: how long until something is. A day that is left out matters more the
/// nearer the time is.
pub fn until(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.as_second().saturating_sub(now.as_second()).max(0);
    match seconds {
        86_400..MAX_HOURS_SECS => format!("in {}h", seconds / 3_600),
        _ => format!("in {}", age(Some(now), time)),
    }
}

/// Rows under headings, each column as wide as its widest cell. Control characters
/// are removed, because names and types come from servers.
pub fn columns(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let safe = |row: &Vec<String>| row.iter().map(|cell| clean(cell, false)).collect();
    let all: Vec<Vec<String>> = std::iter::once(headings).chain(rows.iter().map(safe)).collect();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..all[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{age, until};
    use jiff::Timestamp;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().expect("a time")
    }

    #[test]
    fn ages_have_their_largest_unit() {
        let case = |time: &str, expected: &str| {
            assert_eq!(age(time.parse().ok(), now()), expected, "{time}");
        };
        case("2026-11-21T10:00:30Z", "0s");
        case("2026-11-21T09:59:18Z", "42s");
        case("2026-11-21T09:01:00Z", "59m");
        case("2026-11-20T10:00:01Z", "23h");
        case("2025-11-21T10:00:00Z", "365d");
        assert_eq!(age(None, now()), "-");
    }
    #[test]
    fn times_to_come_are_told_in_hours_for_three_days() {
        let case = |time: &str, expected: &str| {
            assert_eq!(until(time.parse().expect("a time"), now()), expected, "{time}");
        };
        case("2026-11-21T10:30:00Z", "in 30m");
        case("2026-11-23T09:59:00Z", "in 47h");
        case("2026-11-24T09:59:59Z", "in 71h");
        case("2026-11-24T10:00:00Z", "in 3d");
    }
}
