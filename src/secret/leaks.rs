//! Random secrets in every promised spelling, through the redactor whole and in pieces.
//!
//! The spellings are made here by other means than in `spellings`. More cases:
//! `PROPTEST_CASES=100000 cargo test --lib secret::leaks`.

use super::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::test_runner::Config;
use proptest::{prop_assert, proptest};
use std::fmt::Write as _;

/// A value seen in as many letters as this is a leak.
const LEAK_CHARS: usize = 6;

const DEFAULT_CASES: u32 = 48;

type Spelling = (&'static str, fn(&str) -> String);

const SPELLINGS: &[Spelling] = &[
    ("raw", str::to_owned),
    ("URI with slashes", |it| percent(it, |byte| byte.is_ascii_alphanumeric() || byte == b'/')),
    ("URI", |it| percent(it, |byte| byte.is_ascii_alphanumeric())),
    ("URI, every second byte", |it| percent(it, |byte| byte % 2 == 0)),
    ("URI in small digits", |it| percent(it, |_| false).to_lowercase()),
    ("URI twice", |it| percent(&percent(it, |_| false), |byte| byte.is_ascii_alphanumeric())),
    ("JSON", json),
    ("JSON in JSON", |it| json(&json(it))),
    (".NET's JSON", |it| units(it, |byte| byte.is_ascii_alphanumeric())),
    ("JSON, all escaped", |it| units(it, |_| false).to_lowercase()),
    ("printf %q", backslashes),
    ("printf %q of bytes", |it| {
        it.bytes().fold("$'".to_owned(), |text, byte| format!("{text}\\{byte:03o}")) + "'"
    }),
    ("within apostrophes", |it| it.replace('\'', r"'\''")),
    ("XML", |it| it.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;")),
    ("XML in numbers", |it| {
        it.chars()
            .fold(String::new(), |text, letter| format!("{text}&#x{:08X};", u32::from(letter)))
    }),
    ("base64", |it| STANDARD.encode(it)),
    ("base64 in something longer", |it| STANDARD.encode(format!("user:{it}\n"))),
    ("base64 for URLs", |it| URL_SAFE_NO_PAD.encode(it)),
    ("base64 of UTF-16", |it| STANDARD.encode(utf16(&format!("$p='{it}'")))),
    ("hex", |it| hex::encode(it)),
    ("hex with colons", |it| grouped(it, 1, ":").to_uppercase()),
    ("hex with spaces", |it| grouped(it, 1, " ")),
    ("hex in C", |it| format!("0x{}", grouped(it, 1, ", 0x"))),
    ("hex with dots", |it| grouped(it, 1, ".")),
    ("hex in JSON", |it| format!("[\"{}\"]", grouped(it, 1, "\",\""))),
    ("hex in Python", |it| format!("['0x{}']", grouped(it, 1, "', '0x"))),
    ("xxd", |it| dump(it, 2, "00000010: ")),
    ("hexdump -C", |it| dump(it, 1, "00000010  ")),
    ("coloured", |it| between(it, "\u{1b}[1;32m")),
    ("with zero width", |it| between(it, "\u{200b}")),
    ("with accents", |it| between(it, "\u{301}")),
    ("with fillers", |it| between(it, "\u{3164}")),
    ("with C1 controls", |it| between(it, "\u{85}")),
    ("with titles", |it| between(it, "\u{1b}]0;\u{7}")),
    ("with tags", |it| between(it, "\u{e0041}")),
];

/// Spellings whose letters beside the digits are found by the offset before them.
const DUMPS: [&str; 2] = ["xxd", "hexdump -C"];

fn percent(value: &str, keep: impl Fn(u8) -> bool) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if keep(byte) && byte.is_ascii_graphic() && byte != b'%' {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string");
        }
        text
    })
}

fn json(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn units(value: &str, keep: impl Fn(u8) -> bool) -> String {
    value.encode_utf16().fold(String::new(), |mut text, unit| {
        match u8::try_from(unit) {
            Ok(byte) if keep(byte) => text.push(char::from(byte)),
            Ok(_) | Err(_) => write!(text, "\\u{unit:04X}").expect("a string"),
        }
        text
    })
}

fn backslashes(value: &str) -> String {
    value.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() {
            text.push('\\');
        }
        text.push(letter);
        text
    })
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn grouped(value: &str, bytes: usize, gap: &str) -> String {
    let groups: Vec<String> = value.as_bytes().chunks(bytes).map(hex::encode).collect();
    groups.join(gap)
}

/// The start of a dump: one line, which has at most 16 bytes.
fn dump(value: &str, bytes: usize, offset: &str) -> String {
    let part = value.get(..value.floor_char_boundary(16)).unwrap_or(value);
    let letters: String =
        part.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '.' }).collect();
    format!("{offset}{}  {letters}", grouped(part, bytes, " "))
}

fn between(value: &str, what: &str) -> String {
    value.chars().fold(String::new(), |text, letter| format!("{text}{letter}{what}"))
}

/// In parts whose lengths are `lengths`, again and again.
fn in_parts(redactor: &Redactor, text: &str, lengths: &[usize]) -> String {
    let (mut line, mut shown, mut rest) = (redactor.line(), String::new(), text.as_bytes());
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, left) = rest.split_at((*length).min(rest.len()));
        shown.extend(line.push(part));
        rest = left;
    }
    shown + &line.finish()
}

/// A part of the value that stands in the text, as a reader of a terminal sees it.
fn seen(value: &str, shown: &str) -> Option<String> {
    let plain: String = shown
        .split("\u{1b}[1;32m")
        .collect::<String>()
        .split("\u{1b}]0;\u{7}")
        .collect::<String>()
        .chars()
        .filter(|letter| {
            !['\0', '\u{200b}', '\u{301}', '\u{3164}', '\u{e0041}', '\u{85}'].contains(letter)
        })
        .collect();
    let letters: Vec<char> = value.chars().collect();
    let parts = letters.windows(LEAK_CHARS).map(|part| part.iter().collect::<String>());
    parts.into_iter().find(|part| plain.contains(part.as_str()))
}

/// An encoding that tools break into lines.
struct Broken {
    name: &'static str,
    bytes: fn(&str) -> Vec<u8>,
    digits: fn(&[u8]) -> String,
    /// Bits of a digit.
    bits: usize,
    /// The fewest bytes beside a break that are masked.
    least: usize,
}

const BROKEN: [Broken; 5] = [
    Broken { name: "base64", bytes, digits: |it| STANDARD.encode(it), bits: 6, least: 4 },
    Broken { name: "base64url", bytes, digits: |it| URL_SAFE_NO_PAD.encode(it), bits: 6, least: 4 },
    Broken {
        name: "base64, UTF-16",
        bytes: utf16,
        digits: |it| STANDARD.encode(it),
        bits: 6,
        least: 8,
    },
    Broken { name: "base32", bytes, digits: base32, bits: 5, least: 4 },
    Broken { name: "xxd -p", bytes, digits: |it| hex::encode(it), bits: 4, least: 4 },
];

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Digit by digit, by arithmetic.
fn base32(bytes: &[u8]) -> String {
    let bits = bytes.iter().fold(String::new(), |bits, byte| format!("{bits}{byte:08b}"));
    let digit = |at: usize| {
        let bits = format!("{:0<5}", &bits[at..bits.len().min(at + 5)]);
        let value = u8::from_str_radix(&bits, 2).expect("five bits");
        char::from(if value < 26 { b'A' + value } else { b'2' + value - 26 })
    };
    (0..bits.len()).step_by(5).map(digit).collect()
}

/// For each digit of a line, whether it is shown.
fn digits_seen(line: &str, shown: &str) -> Vec<bool> {
    let (mut seen, mut at) = (vec![false; line.len()], 0);
    let parts: Vec<&str> = shown.split("***").collect();
    for (index, part) in parts.iter().enumerate() {
        // What follows the last mask is the end of the line.
        let is_last = index + 1 == parts.len();
        let place = if is_last {
            line.len() - part.len()
        } else {
            at + line[at..].find(part).expect(shown)
        };
        seen[place..place + part.len()].fill(true);
        at = place + part.len();
    }
    seen
}

fn secrets() -> impl Strategy<Value = String> {
    "[!-~]{8,40}|[a-zA-Z0-9+/]{8,24}={0,2}|[ -~]{8,20}[äß€😀][!-~]{4,12}|[\"'\\\\&<>%$`! a-z]{8,20}"
        .prop_filter("a part of it is enough", |it| it.trim().chars().count() > LEAK_CHARS)
        .prop_map(|it| it.trim().to_owned())
}

fn config() -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    Config { failure_persistence: None, ..Config::with_cases(cases.unwrap_or(DEFAULT_CASES)) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_promised_spelling_of_any_secret_is_shown(
        value in secrets(),
        before in 0_usize..60,
        lengths in vec(1_usize..50, 1..6),
        far in 0_u8..16,
    ) {
        let redactor = Redactor::default();
        redactor.register("test", value.clone()).expect("long enough");
        for (name, spell) in SPELLINGS {
            // A line of a dump is never that long.
            let far = far == 0 && !DUMPS.contains(name);
            let spelled = spell(&value);
            // Some so far behind that the line is shown in pieces.
            let (start, end) = if far { (65_500, 9_000) } else { (0, 0) };
            let (start, end) = ("=".repeat(before + start), "~".repeat(end));
            let text = format!("{start} <{spelled}>{end}");
            for shown in [redactor.redact(&text), in_parts(&redactor, &text, &lengths)] {
                let tail = &shown[shown.find(' ').unwrap_or(0)..];
                prop_assert!(!shown.contains(&spelled), "{name}: {tail}");
                prop_assert!(seen(&value, &shown).is_none(), "{name}: {tail}");
            }
        }
    }

    #[test]
    fn no_part_of_a_secret_is_shown_where_its_encoding_is_broken_into_lines(
        value in secrets(),
        before in "[ -~]{0,90}",
        after in "[ -~]{0,90}",
        width in 24_usize..100,
    ) {
        let redactor = Redactor::default();
        redactor.register("test", value.clone()).expect("long enough");
        for encoding in BROKEN {
            let text = [before.as_str(), &value, &after].map(encoding.bytes).concat();
            let start = (encoding.bytes)(&before).len();
            let secret = start..start + (encoding.bytes)(&value).len();
            let digits = (encoding.digits)(&text);
            let lines: Vec<&str> =
                digits.as_bytes().chunks(width).filter_map(|it| str::from_utf8(it).ok()).collect();
            let shown: Vec<String> = lines.iter().map(|line| redactor.redact(line)).collect();
            let is_seen: Vec<bool> =
                lines.iter().zip(&shown).flat_map(|(line, shown)| digits_seen(line, shown)).collect();
            let mut in_a_row = 0;
            for byte in secret {
                let digits = 8 * byte / encoding.bits..(8 * byte + 8).div_ceil(encoding.bits);
                let is_divided = digits.start / width != (digits.end - 1) / width;
                let is_first = digits.start % width == 0;
                in_a_row = match is_seen[digits].iter().all(|&seen| seen) {
                    true if is_divided => 0,
                    true if is_first => 1,
                    true => in_a_row + 1,
                    false => 0,
                };
                prop_assert!(in_a_row < encoding.least, "{}: {shown:#?}", encoding.name);
            }
        }
    }

    #[test]
    fn text_without_a_secret_stays_as_it_is(text in "[ -~\\\\%&äß\u{1b}\u{200b}]{0,200}") {
        let redactor = Redactor::default();
        redactor.register("test", "kR7/x+Qz9==Tail/4".into()).expect("long enough");
        prop_assert!(redactor.redact(&text) == text);
        prop_assert!(in_parts(&redactor, &text, &[7]) == text.trim_end_matches(['\r', '\n']));
    }
}

#[test]
fn digests_and_other_dumps_stay_as_they_are() {
    let redactor = Redactor::default();
    redactor.register("test", "hunter22hunter22".into()).expect("long enough");
    for text in [
        "sha256:68756e742274726e68756e7422726e7468756e7422726e7468756e7422726e74",
        "00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000  .ELF............",
        "02:42:ac:11:00:02",
        "commit 68756e7",
    ] {
        assert_eq!(redactor.redact(text), text);
    }
}
