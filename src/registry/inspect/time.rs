//! Creation times in manifests and configurations.

use jiff::Timestamp;

/// 2013-01-01 in seconds: no image is older. An earlier time is the fixed one of a
/// reproducible build (1970, one second later, 1980).
const FIRST_IMAGE_SECS: i64 = 1_356_998_400;

/// Reads a time. `None` where the text is not one, or is the fixed time of a
/// reproducible build.
pub fn meaningful(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.trim().parse().ok()?;
    (time.as_second() >= FIRST_IMAGE_SECS).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::meaningful;

    #[test]
    fn the_fixed_times_of_reproducible_builds_are_ignored() {
        for fixed in
            ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "1980-01-01T00:00:01Z", "", "soon"]
        {
            assert_eq!(meaningful(fixed), None, "{fixed}");
        }
        let known = meaningful("2026-11-21T10:00:00.123456789+01:00").expect("a time");
        assert_eq!(known.to_string(), "2026-11-21T09:00:00.123456789Z");
    }
}
