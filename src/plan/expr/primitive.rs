//! Numbers and texts, as GitHub's runner converts and compares them.

use std::cmp::Ordering;
use std::fmt::Write as _;

/// How many digits a number shows, as .NET's `G15`.
const DIGITS: i32 = 15;

/// Whether two texts are the same, ignoring case.
pub(super) fn same_text(left: &str, right: &str) -> bool {
    left == right || left.chars().map(upper).eq(right.chars().map(upper))
}

/// The text in the case that comparisons use.
pub(super) fn folded(text: &str) -> String {
    text.chars().map(upper).collect()
}

/// By UTF-16 code units, as .NET's ordinal comparison.
pub(super) fn order_text(left: &str, right: &str) -> Ordering {
    folded(left).encode_utf16().cmp(folded(right).encode_utf16())
}

/// Upper case where that is one letter, and no ASCII letter for one that is
/// not: `ß` and the dotless `ı` stay as they are, as under .NET's ordinal rules.
fn upper(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) if letter.is_ascii() || !single.is_ascii() => single,
        _ => letter,
    }
}

/// A text as a number, as JavaScript's `Number()` with the runner's limits:
/// empty is 0, hexadecimal and octal are 32 bits, anything else is `NaN`.
pub(super) fn text_to_number(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return text.parse().unwrap_or(f64::NAN);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return thirty_two_bits(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return thirty_two_bits(digits, 8);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.eq_ignore_ascii_case("infinity") { sign * f64::INFINITY } else { f64::NAN }
}

/// Two's complement: `0xffffffff` is -1.
fn thirty_two_bits(digits: &str, radix: u32) -> f64 {
    let only_digits = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix)
        .ok()
        .filter(|_| only_digits)
        .map_or(f64::NAN, |bits| f64::from(bits.cast_signed()))
}

/// A number as text, as .NET's `G15`: fifteen digits, and an exponent where the
/// number has more places than that or is less than 0.0001.
pub(super) fn number_to_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific =
        format!("{:.*e}", usize::try_from(DIGITS - 1).unwrap_or_default(), number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{}", place_digits(digits, exponent))
}

/// Puts the point into `digits`, of which the first counts 10 to the `exponent`.
fn place_digits(digits: &str, exponent: i32) -> String {
    if !(-4..DIGITS).contains(&exponent) {
        let mut text = digits[..1].to_owned();
        if digits.len() > 1 {
            text.push('.');
            text.push_str(&digits[1..]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(text, "E{sign}{:02}", exponent.abs()).expect("a string takes everything");
        return text;
    }
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = usize::try_from(-exponent - 1).unwrap_or_default();
        return format!("0.{}{digits}", "0".repeat(zeros));
    };
    match digits.len() {
        _ if whole == 0 => format!("0.{digits}"),
        length if length <= whole => format!("{digits}{}", "0".repeat(whole - length)),
        _ => format!("{}.{}", &digits[..whole], &digits[whole..]),
    }
}
