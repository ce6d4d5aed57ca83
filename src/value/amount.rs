//! Counts and sizes, in words for people.

use std::fmt::Display;

/// Sizes are powers of ten, as registries and browsers count.
const UNITS: [(u64, &str); 4] =
    [(1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB"), (1_000_000_000_000, "TB")];

/// Such as `1 entry` and `2 entries`.
pub fn counted<N>(count: N, one: &str, many: &str) -> String
where
    N: Copy + Display + PartialEq + From<u8>,
{
    let word = if count == N::from(1) { one } else { many };
    format!("{count} {word}")
}

/// Such as `17 B`, `1.2 kB`, `3.4 MB`.
pub fn bytes(bytes: u64) -> String {
    let (scale, unit) = unit_of(bytes);
    if scale == 1 {
        return format!("{bytes} B");
    }
    let tenths = tenths_of(bytes, scale);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// How much of a whole is done, in its unit, such as `12 of 80 MB` and `0.4 of 1.2 MB`. It is
/// the whole only once all is done.
pub fn bytes_of(done: u64, whole: u64) -> String {
    let (scale, unit) = unit_of(whole);
    if scale == 1 {
        return format!("{done} of {whole} B");
    }
    let all = tenths_of(whole, scale);
    let part = u128::from(done) * 10 / u128::from(scale);
    let is_done = done >= whole;
    if all >= 100 {
        let all = (all + 5) / 10;
        return format!("{} of {all} {unit}", if is_done { all } else { part / 10 });
    }
    let part = if is_done { all } else { part };
    format!("{}.{} of {}.{} {unit}", part / 10, part % 10, all / 10, all % 10)
}

/// The size of the unit that a size is shown in, and its name.
fn unit_of(bytes: u64) -> (u64, &'static str) {
    // What would round to 1000.0 of a unit is 1.0 of the next.
    let fits = |(scale, _): &&(u64, &str)| bytes >= scale - scale / 20_000;
    UNITS.iter().rev().find(fits).copied().unwrap_or((1, "B"))
}

fn tenths_of(bytes: u64, scale: u64) -> u128 {
    (u128::from(bytes) * 10 + u128::from(scale) / 2) / u128::from(scale)
}

#[cfg(test)]
mod tests {
    use super::{bytes, bytes_of, counted};

    #[test]
    fn one_is_singular() {
        assert_eq!(
            [0_usize, 1, 2].map(|count| counted(count, "entry", "entries")),
            ["0 entries", "1 entry", "2 entries"]
        );
        assert_eq!(counted(1_u64, "layer", "layers"), "1 layer");
    }

    #[test]
    fn sizes_are_powers_of_ten() {
        assert_eq!(
            [0, 999, 1_000, 1_234, 999_949, 999_950, 3_400_000, 12_000_000_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "1.0 MB", "3.4 MB", "12.0 GB"]
        );
    }

    #[test]
    fn part_is_shown_in_the_unit_of_the_whole() {
        let shown = |(done, whole)| bytes_of(done, whole);
        assert_eq!(
            [
                (0, 0),
                (5, 900),
                (12_400_000, 80_000_000),
                (80_000_000, 80_000_000),
                (79_999_999, 80_000_000),
                (400_000, 1_234_000),
                (999_999, 999_999),
                (700, 12_600),
                (12_600, 12_600),
            ]
            .map(shown),
            [
                "0 of 0 B",
                "5 of 900 B",
                "12 of 80 MB",
                "80 of 80 MB",
                "79 of 80 MB",
                "0.4 of 1.2 MB",
                "1.0 of 1.0 MB",
                "0 of 13 kB",
                "13 of 13 kB",
            ]
        );
    }
}
