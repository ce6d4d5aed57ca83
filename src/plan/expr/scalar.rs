//! Scalars as a plan spells them: durations, sizes, numbers, words.
//!
//! The message of each says what is expected and never what was given, which
//! may be a secret.

use crate::plan::schema::{Cloud, Compression, OnFailure, Replace, RestartPolicy, Size, Using};
use std::time::Duration;

/// A type that a scalar of the plan can be read as.
pub trait Scalar: Sized {
    /// The words it is one of; empty where it is not a word.
    const WORDS: &'static [&'static str] = &[];

    /// Reads it. The error says what is expected, such as "expected a number".
    fn read(text: &str) -> Result<Self, String>;
}

/// The units of a duration, in milliseconds, the longest first.
const UNITS_OF_TIME: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Scalar for Duration {
    /// Numbers with units, the longest unit first: `10m`, `1h30m`, `500ms`.
    fn read(text: &str) -> Result<Self, String> {
        duration(text)
            .ok_or_else(|| "expected a duration such as `10m`, `1h30m` or `500ms`".to_owned())
    }
}

fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS_OF_TIME.iter();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let length =
            after.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(length);
        // From where the last one was found, so that each stands once at most.
        let (_, milliseconds) = units.find(|(known, _)| *known == unit)?;
        total = total.checked_add(Duration::from_millis(scaled(number, *milliseconds)?))?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// The units of a size, in bytes.
const UNITS_OF_SIZE: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl Scalar for Size {
    /// A number with a unit: `1.5GB`, `512 MiB`. Units ignore case.
    fn read(text: &str) -> Result<Self, String> {
        size(text).map(Self).ok_or_else(|| "expected a size such as `1.5GB` or `512MiB`".to_owned())
    }
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let unit = unit.trim_start();
    let (_, bytes) = UNITS_OF_SIZE.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit))?;
    scaled(number, *bytes)
}

/// Cuts off the decimal number that a text starts with.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let length =
        text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(length);
    is_decimal(number).then_some((number, rest))
}

/// Digits, and at most one point between them.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

/// A decimal number times a unit, exactly, with what is below one cut off.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // Finer than a byte of a terabyte does not count.
    let fraction = &fraction[..fraction.len().min(15)];
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let total = whole.parse::<u64>().map(u128::from).ok()? * u128::from(unit)
        + parts * u128::from(unit) / scale;
    u64::try_from(total).ok()
}

impl Scalar for f64 {
    /// Digits and a point; no sign, no exponent.
    fn read(text: &str) -> Result<Self, String> {
        let number = is_decimal(text).then(|| text.parse().ok()).flatten();
        number
            .filter(|number: &Self| number.is_finite())
            .ok_or_else(|| "expected a number such as `0.5`".to_owned())
    }
}

impl Scalar for u16 {
    fn read(text: &str) -> Result<Self, String> {
        whole(text).ok_or_else(|| "expected a whole number up to 65535".to_owned())
    }
}

impl Scalar for u32 {
    fn read(text: &str) -> Result<Self, String> {
        whole(text).ok_or_else(|| "expected a whole number".to_owned())
    }
}

fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Scalar for bool {
    const WORDS: &'static [&'static str] = &["true", "false"];

    fn read(text: &str) -> Result<Self, String> {
        word(text, Self::WORDS, &[true, false])
    }
}

impl Scalar for Cloud {
    const WORDS: &'static [&'static str] = &["public", "usgov", "china"];

    fn read(text: &str) -> Result<Self, String> {
        word(text, Self::WORDS, &[Self::Public, Self::UsGovernment, Self::China])
    }
}

impl Scalar for Using {
    const WORDS: &'static [&'static str] =
        &["auto", "docker", "podman", "buildah", "native", "acr"];

    fn read(text: &str) -> Result<Self, String> {
        let values =
            [Self::Auto, Self::Docker, Self::Podman, Self::Buildah, Self::Native, Self::Acr];
        word(text, Self::WORDS, &values)
    }
}

impl Scalar for Compression {
    const WORDS: &'static [&'static str] = &["gzip", "zstd"];

    fn read(text: &str) -> Result<Self, String> {
        word(text, Self::WORDS, &[Self::Gzip, Self::Zstd])
    }
}

impl Scalar for RestartPolicy {
    const WORDS: &'static [&'static str] = &["always", "on-failure", "never"];

    /// Azure's own spelling is taken too: `Always`, `OnFailure`, `Never`.
    fn read(text: &str) -> Result<Self, String> {
        let values = [Self::Always, Self::OnFailure, Self::Never];
        word(text, &["Always", "OnFailure", "Never"], &values)
            .or_else(|_| word(text, Self::WORDS, &values))
    }
}

impl Scalar for Replace {
    const WORDS: &'static [&'static str] = &["never", "when-required", "always"];

    fn read(text: &str) -> Result<Self, String> {
        word(text, Self::WORDS, &[Self::Never, Self::WhenRequired, Self::Always])
    }
}

impl Scalar for OnFailure {
    const WORDS: &'static [&'static str] = &["rollback", "keep"];

    fn read(text: &str) -> Result<Self, String> {
        word(text, Self::WORDS, &[Self::Rollback, Self::Keep])
    }
}

/// The value that stands where the word does.
fn word<T: Copy>(text: &str, words: &[&str], values: &[T]) -> Result<T, String> {
    let found = words.iter().position(|word| *word == text).and_then(|at| values.get(at));
    found.copied().ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        format!("expected {}", words.join(" or "))
    })
}

#[cfg(test)]
mod tests {
    use super::Scalar;
    use crate::plan::schema::{Cloud, Compression, OnFailure, Replace, RestartPolicy, Size, Using};
    use std::time::Duration;

    #[test]
    fn durations() {
        #[track_caller]
        fn case(text: &str, milliseconds: u64) {
            assert_eq!(Duration::read(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        case("10m", 600_000);
        case("1h30m", 5_400_000);
        case("500ms", 500);
        case("1.5s", 1500);
        case("2d", 172_800_000);
        case("48h", 172_800_000);
        case("1d2h3m4s5ms", 93_784_005);
        case("0s", 0);
        for text in [
            "",
            "10",
            "m",
            "10 m",
            "30m1h",
            "1m1m",
            "-1s",
            "1.s",
            "1e3s",
            "5M",
            "99999999999999999d",
            "1µs",
        ] {
            assert_eq!(
                Duration::read(text),
                Err("expected a duration such as `10m`, `1h30m` or `500ms`".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn sizes() {
        #[track_caller]
        fn case(text: &str, bytes: u64) {
            assert_eq!(Size::read(text), Ok(Size(bytes)), "{text}");
        }
        case("1.5GB", 1_500_000_000);
        case("1GiB", 1_073_741_824);
        case("512 MiB", 536_870_912);
        case("0.1gb", 100_000_000);
        case("17B", 17);
        for text in ["", "1", "GB", "1.5", "1G", "-1GB", "1e3GB", "99999999TB"] {
            assert_eq!(
                Size::read(text),
                Err("expected a size such as `1.5GB` or `512MiB`".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(f64::read("0.5"), Ok(0.5));
        assert_eq!(u16::read("8080"), Ok(8080));
        assert_eq!(u32::read("4294967295"), Ok(u32::MAX));
        for text in ["", "-1", "+1", "1e3", "NaN", "inf", "0x1", "1,5"] {
            assert_eq!(
                f64::read(text),
                Err("expected a number such as `0.5`".to_owned()),
                "{text}"
            );
            assert_eq!(u32::read(text), Err("expected a whole number".to_owned()), "{text}");
        }
        assert_eq!(u16::read("65536"), Err("expected a whole number up to 65535".to_owned()));
    }

    #[test]
    fn words() {
        assert_eq!(bool::read("true"), Ok(true));
        assert_eq!(bool::read("no"), Err("expected `true` or `false`".to_owned()));
        assert_eq!(Cloud::read("usgov"), Ok(Cloud::UsGovernment));
        assert_eq!(Using::read("buildah"), Ok(Using::Buildah));
        assert_eq!(Compression::read("zstd"), Ok(Compression::Zstd));
        assert_eq!(Compression::read("xz"), Err("expected `gzip` or `zstd`".to_owned()));
        assert_eq!(RestartPolicy::read("OnFailure"), Ok(RestartPolicy::OnFailure));
        assert_eq!(RestartPolicy::read("on-failure"), Ok(RestartPolicy::OnFailure));
        assert_eq!(
            RestartPolicy::read("sometimes"),
            Err("expected `always` or `on-failure` or `never`".to_owned())
        );
        assert_eq!(Replace::read("when-required"), Ok(Replace::WhenRequired));
        assert_eq!(OnFailure::read("keep"), Ok(OnFailure::Keep));
    }
}
