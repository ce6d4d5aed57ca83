//! Times that documents carry, as far as they mean something.

use jiff::Timestamp;

/// 2013-01-01: before that there were no images. What says that it is older is
/// the fixed time of a reproducible build: 1970, a second later, 1980.
const FIRST: i64 = 1_356_998_400;

/// Reads a time; nothing where it stands for none.
pub(super) fn known(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.trim().parse().ok()?;
    (time.as_second() >= FIRST).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn the_times_of_reproducible_builds_are_none() {
        for none in
            ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "1980-01-01T00:00:01Z", "", "soon"]
        {
            assert_eq!(known(none), None, "{none}");
        }
        let known = known("2026-11-21T10:00:00.123456789+01:00").expect("a time");
        assert_eq!(known.to_string(), "2026-11-21T09:00:00.123456789Z");
    }
}
