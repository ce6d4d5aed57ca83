//! Durations, sizes, numbers and booleans.

use super::shape::{Literal, Shape, ShapeKind};
use std::str::FromStr;
use std::time::Duration;

/// A size in bytes: `1.5GB` is 1,500,000,000 and `1GiB` is 1,073,741,824.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size(pub u64);

/// A span of time above zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Period(pub Duration);

/// How many times something must happen: at least once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times(pub u32);

/// The exit code of a container that ran to its end. Only 0: a deploy whose container ends
/// with another one fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExitCode(pub u8);

/// How often a step is tried: 1 to 100 times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attempts(pub u32);

/// The waits between the attempts of a step: each is twice the one before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    pub base: Duration,
    /// No wait is longer than this.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(1), cap: Duration::from_secs(30) }
    }
}

/// The units of a duration, in milliseconds, the longest first.
const UNITS_OF_TIME: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Literal for Duration {
    const SHAPE: Shape =
        Shape::text("^([0-9]+(\\.[0-9]+)?(d|h|m|s|ms))+$", &["10m", "1h30m", "500ms"]);

    /// Numbers with units, the longest unit first: `10m`, `1h30m`, `500ms`.
    fn parse(text: &str) -> Result<Self, String> {
        duration(text)
            .ok_or_else(|| "expected a duration such as `10m`, `1h30m` or `500ms`".to_owned())
    }
}

impl Literal for Period {
    // A part of it has a digit other than 0.
    const SHAPE: Shape = Shape::text(
        "^([0-9]+(\\.[0-9]+)?(d|h|m|s|ms))*([0-9]*[1-9][0-9]*(\\.[0-9]+)?|[0-9]+\\.[0-9]*[1-9][0-9]*)(d|h|m|s|ms)([0-9]+(\\.[0-9]+)?(d|h|m|s|ms))*$",
        &["10m", "1h30m", "500ms"],
    );

    fn parse(text: &str) -> Result<Self, String> {
        let duration = Duration::parse(text)?;
        if duration.is_zero() {
            return Err("expected a duration above 0, such as `10m`".to_owned());
        }
        Ok(Self(duration))
    }
}

impl Literal for ExitCode {
    const SHAPE: Shape =
        Shape { kind: ShapeKind::Integer, ..Shape::text("^0+$", &["0"]) }.within(0, 0);

    fn parse(text: &str) -> Result<Self, String> {
        let is_zero = !text.is_empty() && text.bytes().all(|byte| byte == b'0');
        let refused = || "expected 0: a container that ends with another code fails its deploy";
        is_zero.then_some(Self(0)).ok_or_else(|| refused().to_owned())
    }
}

impl Literal for Backoff {
    const SHAPE: Shape = Shape::text("^[0-9.]+[a-z][0-9a-z.]*$", &["1s..30s", "2s"]);

    /// The first and the longest wait, `1s..30s`, or the first alone.
    fn parse(text: &str) -> Result<Self, String> {
        let (base, cap) = if let Some((base, cap)) = text.split_once("..") {
            (duration(base), duration(cap))
        } else {
            let base = duration(text);
            (base, base.map(|base| base.max(Self::default().cap)))
        };
        base.zip(cap)
            .filter(|(base, cap)| base <= cap)
            .map(|(base, cap)| Self { base, cap })
            .ok_or_else(|| "expected the first and the longest wait, such as `1s..30s`".to_owned())
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

impl Literal for Size {
    const SHAPE: Shape =
        Shape::text("^[0-9]+(\\.[0-9]+)? *([kKmMgGtT][iI]?)?[bB]$", &["1.5GB", "512MiB"]);

    /// A number with a unit: `1.5GB`, `512 MiB`. Units ignore case.
    fn parse(text: &str) -> Result<Self, String> {
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

impl Literal for f64 {
    const SHAPE: Shape =
        Shape { kind: ShapeKind::Number, ..Shape::text("^[0-9]+(\\.[0-9]+)?$", &["0.5"]) };

    /// Digits and a point; no sign, no exponent.
    fn parse(text: &str) -> Result<Self, String> {
        let number = is_decimal(text).then(|| text.parse().ok()).flatten();
        number
            .filter(|number: &Self| number.is_finite())
            .ok_or_else(|| "expected a number such as `0.5`".to_owned())
    }
}

impl Literal for u32 {
    const SHAPE: Shape =
        Shape { kind: ShapeKind::Integer, ..Shape::text("^[0-9]+$", &[]) }.within(0, u32::MAX);

    fn parse(text: &str) -> Result<Self, String> {
        whole(text).ok_or_else(|| "expected a whole number".to_owned())
    }
}

impl Literal for Times {
    const SHAPE: Shape = Shape { pattern: "^0*[1-9][0-9]*$", ..u32::SHAPE }.within(1, u32::MAX);

    fn parse(text: &str) -> Result<Self, String> {
        let times = u32::parse(text).ok().filter(|times| *times > 0);
        times.map(Self).ok_or_else(|| "expected a whole number from 1".to_owned())
    }
}

impl Literal for Attempts {
    const SHAPE: Shape = Shape { pattern: "^0*([1-9][0-9]?|100)$", ..u32::SHAPE }.within(1, 100);

    fn parse(text: &str) -> Result<Self, String> {
        let attempts = u32::parse(text)?;
        if (1..=100).contains(&attempts) {
            Ok(Self(attempts))
        } else {
            Err("expected a number from 1 to 100".to_owned())
        }
    }
}

/// Digits alone: `FromStr` accepts a sign too.
fn whole<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Literal for bool {
    const SHAPE: Shape = Shape { kind: ShapeKind::Boolean, ..Shape::one_of(&["true", "false"]) };

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected `true` or `false`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Literal, Period, Size};
    use crate::value::{Compression, RestartPolicy};
    use std::time::Duration;

    #[test]
    fn durations() {
        #[track_caller]
        fn case(text: &str, milliseconds: u64) {
            assert_eq!(Duration::parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
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
                Duration::parse(text),
                Err("expected a duration such as `10m`, `1h30m` or `500ms`".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn periods_are_above_zero() {
        assert_eq!(Period::parse("1.5s"), Ok(Period(Duration::from_millis(1500))));
        for text in ["0s", "0h0m", "0.0s", "0.1ms"] {
            let expected = "expected a duration above 0, such as `10m`".to_owned();
            assert_eq!(Period::parse(text), Err(expected), "{text}");
        }
        assert!(
            Period::parse("soon").is_err_and(|why| why.starts_with("expected a duration such"))
        );
    }

    #[test]
    fn sizes() {
        #[track_caller]
        fn case(text: &str, bytes: u64) {
            assert_eq!(Size::parse(text), Ok(Size(bytes)), "{text}");
        }
        case("1.5GB", 1_500_000_000);
        case("1GiB", 1_073_741_824);
        case("512 MiB", 536_870_912);
        case("0.1gb", 100_000_000);
        case("17B", 17);
        for text in ["", "1", "GB", "1.5", "1G", "-1GB", "1e3GB", "99999999TB"] {
            assert_eq!(
                Size::parse(text),
                Err("expected a size such as `1.5GB` or `512MiB`".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(f64::parse("0.5"), Ok(0.5));
        assert_eq!(u32::parse("4294967295"), Ok(u32::MAX));
        for text in ["", "-1", "+1", "1e3", "NaN", "inf", "0x1", "1,5"] {
            assert_eq!(
                f64::parse(text),
                Err("expected a number such as `0.5`".to_owned()),
                "{text}"
            );
            assert_eq!(u32::parse(text), Err("expected a whole number".to_owned()), "{text}");
        }
    }

    #[test]
    fn waits() {
        let seconds = |base, cap| {
            Ok(Backoff { base: Duration::from_secs(base), cap: Duration::from_secs(cap) })
        };
        assert_eq!(Backoff::parse("2s..10s"), seconds(2, 10));
        assert_eq!(Backoff::parse("2s"), seconds(2, 30));
        assert_eq!(Backoff::parse("1m"), seconds(60, 60));
        for text in ["", "..", "10s..2s", "2s..", "x"] {
            assert!(Backoff::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words() {
        assert_eq!(bool::parse("true"), Ok(true));
        assert_eq!(bool::parse("no"), Err("expected `true` or `false`".to_owned()));
        assert_eq!(Compression::parse("zstd"), Ok(Compression::Zstd));
        assert_eq!(Compression::parse("xz"), Err("expected `gzip` or `zstd`".to_owned()));
        assert_eq!(RestartPolicy::parse("OnFailure"), Ok(RestartPolicy::OnFailure));
        assert_eq!(RestartPolicy::parse("on-failure"), Ok(RestartPolicy::OnFailure));
        assert_eq!(
            RestartPolicy::parse("sometimes"),
            Err("expected `always` or `on-failure` or `never`".to_owned())
        );
    }
}
