//! What a text says once it is decoded: without the codes of terminals, and with
//! escapes, percent-encoding and entities resolved.
//!
//! A value can be escaped in more ways than can be listed: JSON may write any letter as
//! `\u002b` or `\u002B`, a URI may encode any byte. So the text is decoded, not the value
//! encoded. Each byte of a view knows the bytes that it was made from.

use std::ops::Range;
use unicode_width::UnicodeWidthChar as _;

/// Levels of escapes: JSON within JSON within JSON.
const MAX_LEVELS: usize = 3;

/// A CSI sequence of a terminal is shorter; what is longer is text.
pub(super) const MAX_CODE_BYTES: usize = 64;

/// Characters that are not drawn and have a width all the same: fillers of Hangul, and the marks
/// of annotations.
const NOT_DRAWN: [char; 6] =
    ['\u{115f}', '\u{3164}', '\u{ffa0}', '\u{fff9}', '\u{fffa}', '\u{fffb}'];

/// A character reference is shorter; what is longer has zeros before its number without end.
const MAX_ENTITY_BYTES: usize = 15;

/// A decoded text, and where each of its bytes comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    sources: Vec<Range<usize>>,
}

impl View {
    fn of(text: &[u8]) -> Self {
        Self { bytes: text.to_vec(), sources: (0..text.len()).map(|at| at..at + 1).collect() }
    }

    /// The part of the text that a part of the view was made from. What was written over is
    /// made from parts in any order.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let sources = &self.sources[range];
        let start = sources.iter().map(|source| source.start).min().unwrap_or_default();
        start..sources.iter().map(|source| source.end).max().unwrap_or(start)
    }

    /// Adds bytes that were made from a part of the text.
    pub(super) fn add(&mut self, bytes: &[u8], source: Range<usize>) {
        for &byte in bytes {
            self.bytes.push(byte);
            self.sources.push(source.clone());
        }
    }

    /// Adds decoded bytes that were made from a part of another view.
    fn push(&mut self, decoded: &[u8], from: &Self, part: Range<usize>) {
        self.add(decoded, from.source(part));
    }

    /// Decodes with `next`, which gives the decoded bytes at the start of a text and how
    /// many bytes they were made from; `None` for a byte that stands for itself. The
    /// result is `None` if nothing was decoded.
    fn decoded(&self, next: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Option<Self> {
        let mut at = (0..self.bytes.len()).find(|&at| next(&self.bytes[at..]).is_some())?;
        let mut view =
            Self { bytes: self.bytes[..at].to_vec(), sources: self.sources[..at].to_vec() };
        while at < self.bytes.len() {
            if let Some((decoded, length)) = next(&self.bytes[at..]) {
                view.push(&decoded, self, at..at + length);
                at += length;
            } else {
                view.bytes.push(self.bytes[at]);
                view.sources.push(self.sources[at].clone());
                at += 1;
            }
        }
        Some(view)
    }
}

/// All decoded forms of a text that differ from it.
pub(super) fn views(text: &[u8]) -> Vec<View> {
    let has = |byte: u8| text.contains(&byte);
    let mut found = Vec::new();
    let is_coded = text.iter().any(|byte| match byte {
        b'\t' | b'\n' => false,
        byte => byte.is_ascii_control() || !byte.is_ascii(),
    });
    if !is_coded && !has(b'\\') && !has(b'%') && !has(b'&') {
        return found;
    }
    let raw = View::of(text);
    let visible = if is_coded { raw.decoded(invisible) } else { None };
    found.extend(visible.clone());
    let base = visible.unwrap_or(raw);
    for next in [backslash, percent, entity] {
        let mut last = base.clone();
        for _ in 0..MAX_LEVELS {
            let Some(view) = last.decoded(next) else { break };
            last = view.clone();
            found.push(view);
        }
    }
    found
}

/// A code of a terminal (`ESC [ … letter`, or `ESC` and one byte), or a character that is
/// not seen: decoded to nothing. NUL is every second byte of UTF-16.
fn invisible(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let length = match text {
        [0x1b, b'[', rest @ ..] => {
            let rest = &rest[..rest.len().min(MAX_CODE_BYTES)];
            2 + rest.iter().position(|byte| matches!(byte, 0x40..=0x7e))? + 1
        }
        // A string, such as a title of the window or a link.
        [0x1b, b']' | b'P' | b'^' | b'_', rest @ ..] => 2 + string_length(rest),
        [0x1b, b' '..=b'/', _, ..] => 3,
        [0x1b, _, ..] => 2,
        // A carriage return or a backspace between two letters parts no secret.
        [byte, ..] if byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | 0x1b) => 1,
        _ => first_char(text).filter(|&letter| is_invisible(letter))?.len_utf8(),
    };
    Some((Vec::new(), length))
}

/// How long a string of the terminal is, with its end: BEL or `ESC \`. One without an end ends
/// with the line.
fn string_length(text: &[u8]) -> usize {
    let end = text.iter().position(|&byte| matches!(byte, 0x07 | b'\n'));
    let other = text.windows(2).position(|pair| pair == b"\x1b\\");
    match (end, other) {
        (Some(end), Some(other)) if other < end => other + 2,
        (Some(end), _) if text[end] == 0x07 => end + 1,
        (Some(end), _) => end,
        (None, Some(other)) => other + 2,
        (None, None) => text.len(),
    }
}

/// The first character of a text, if it is not of ASCII.
fn first_char(text: &[u8]) -> Option<char> {
    if text.first()?.is_ascii() {
        return None;
    }
    let start = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(start) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).ok()?,
    };
    valid.chars().next()
}

/// Whether a character takes no room, such as a control character beyond ASCII, a soft hyphen, a joiner, a mark of direction or
/// an accent of the letter before it.
fn is_invisible(letter: char) -> bool {
    letter.is_control() || letter.width() == Some(0) || NOT_DRAWN.contains(&letter)
}

/// An escape as JSON, C, Python, Rust and shells write it. Before any other byte, a
/// backslash quotes it.
fn backslash(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let [b'\\', kind, rest @ ..] = text else { return None };
    let plain = |byte: u8| Some((vec![byte], 2));
    match kind {
        b'u' => unicode(rest),
        b'U' => letter(hex(rest.get(..8)?)?).map(|bytes| (bytes, 10)),
        b'x' => Some((vec![u8::try_from(hex(rest.get(..2)?)?).ok()?], 4)),
        b'0'..=b'7' => Some(octal(&text[1..])),
        b'a' => plain(0x07),
        b'b' => plain(0x08),
        b'e' | b'E' => plain(0x1b),
        b'f' => plain(0x0c),
        b'n' => plain(b'\n'),
        b'r' => plain(b'\r'),
        b't' => plain(b'\t'),
        b'v' => plain(0x0b),
        other => plain(*other),
    }
}

/// What follows `\u`: four digits, two such escapes for one letter, or digits in braces.
fn unicode(rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    if let [b'{', inside @ ..] = rest {
        let end = inside.iter().take(7).position(|&byte| byte == b'}')?;
        return letter(hex(&inside[..end])?).map(|bytes| (bytes, end + 4));
    }
    let first = hex(rest.get(..4)?)?;
    if let Some(bytes) = letter(first) {
        return Some((bytes, 6));
    }
    let second = rest.get(4..10).filter(|next| next.starts_with(b"\\u"))?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(hex(&second[2..])?).ok()?];
    let letter = char::decode_utf16(pair).next()?.ok()?;
    Some((letter.to_string().into_bytes(), 12))
}

fn letter(number: u32) -> Option<Vec<u8>> {
    Some(char::from_u32(number)?.to_string().into_bytes())
}

/// One to three digits; a value above a byte keeps its low bits, as in shells.
fn octal(digits: &[u8]) -> (Vec<u8>, usize) {
    let digits: Vec<u8> =
        digits.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).copied().collect();
    let value = digits.iter().fold(0_u8, |value, digit| (value << 3) | (digit - b'0'));
    (vec![value], 1 + digits.len())
}

fn percent(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let [b'%', digits @ ..] = text else { return None };
    Some((vec![u8::try_from(hex(digits.get(..2)?)?).ok()?], 3))
}

/// A character reference of XML and HTML: `&amp;`, `&#39;`, `&#x27;`.
fn entity(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let [b'&', rest @ ..] = text else { return None };
    let end = rest.iter().take(MAX_ENTITY_BYTES).position(|&byte| byte == b';')?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let decoded = match name {
        "amp" => b"&".to_vec(),
        "lt" => b"<".to_vec(),
        "gt" => b">".to_vec(),
        "quot" => b"\"".to_vec(),
        "apos" => b"'".to_vec(),
        _ => {
            let number = name.strip_prefix('#')?;
            letter(match number.strip_prefix(['x', 'X']) {
                Some(digits) => hex(digits.as_bytes())?,
                None => number.parse().ok()?,
            })?
        }
    };
    Some((decoded, end + 2))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` takes a sign too.
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// The bytes that a text names by pairs of hexadecimal digits, however they are grouped:
/// `6b:52`, `6b52 372f`, `['0x6b', '0x52']`. The view has two digits for each byte, and a gap
/// where something else stands.
pub(super) fn hex_pairs(text: &[u8]) -> View {
    let raw = View::of(text);
    let (mut view, mut at) = (View::default(), 0);
    while at < text.len() {
        if matches!(&text[at..], [b'0', b'x' | b'X', ..]) {
            at += 2;
            continue;
        }
        let digits = text[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > 0 && digits % 2 == 0 {
            for (place, digit) in (at..).zip(&text[at..at + digits]) {
                view.push(&[digit.to_ascii_lowercase()], &raw, place..place + 1);
            }
        } else if !matches!(text[at], b' ' | b'\t') && !text[at].is_ascii_punctuation() {
            // Two bytes, so that pairs stay pairs.
            view.push(b"..", &raw, at..at + 1);
        }
        at += digits.max(1);
    }
    view
}

#[cfg(test)]
mod tests {
    use super::{hex_pairs, views};

    /// What some view of a text says.
    #[track_caller]
    fn says(text: &str, meaning: &str) {
        let all = views(text.as_bytes());
        let found = all.iter().any(|view| view.bytes == meaning.as_bytes());
        assert!(found, "{text}: {all:?}");
    }

    #[test]
    fn escapes_are_resolved() {
        says(r"a\u002Bb\u002bc", "a+b+c");
        says(r"p\u00e4ss \ud83d\ude00", "päss 😀");
        says(r"p\u{e4}ss\x41\U00000042", "pässAB");
        says(r"$'p\303\244ss\'s\n'", "$'päss's\n'");
        says(r"a\ b\$c\\d", r"a b$c\d");
        says(r#"{\"a\":\"b\\u002fc\"}"#, r#"{"a":"b/c"}"#);
    }

    #[test]
    fn percent_encoding_and_entities_are_resolved() {
        says("a%2Fb%2fc%252Bd", "a/b/c+d");
        says("%C3%A4 100%", "ä 100%");
        says("a&amp;b&#39;c&#x2F;d&quot;", "a&b'c/d\"");
    }

    #[test]
    fn what_is_not_seen_is_left_out() {
        says("ki\u{1b}[1;31mt\u{1b}[0mte\u{1b}Mn", "kitten");
        says("k\u{200b}it\u{feff}t\u{ad}en", "kitten");
        says("k\0i\0t\0", "kit");
        says("a\u{1b}[1m\\u002b", "a+");
        says("k\u{301}i", "ki");
        says("k\u{80}i\u{9f}t", "kit");
        says("k\u{1b}]0;a title\u{7}it", "kit");
        says("k\u{1b}]8;;https://x\u{1b}\\it", "kit");
        says("k\u{1b}(Bit", "kit");
        says("k\u{1b}P1\nit", "k\nit");
        // Unicode's `Default_Ignorable_Code_Point`, its ends, and the marks of annotations.
        for code in [
            0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180f, 0x200f, 0x202a, 0x202e,
            0x2060, 0x206f, 0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0xfff8, 0xfff9, 0xfffb,
            0x1bca0, 0x1bca3, 0x1d173, 0x1d17a, 0xe0000, 0xe0001, 0xe01ef, 0xe0fff,
        ] {
            let letter = char::from_u32(code).expect("a character");
            says(&format!("k{letter}i"), "ki");
        }
    }

    #[test]
    fn half_an_escape_stands_for_itself() {
        for text in [r"a\u00", r"a\", "a%2", "a&amp", "a\u{1b}", "a\u{1b}[1;", r"\ud83dx"] {
            assert!(views(text.as_bytes()).is_empty(), "{text}");
        }
    }

    #[test]
    fn each_byte_knows_where_it_comes_from() {
        let text = r"<\u002b\ud83d\ude00>";
        let view = views(text.as_bytes()).remove(0);
        assert_eq!(view.source(1..2), 1..7);
        assert_eq!(view.source(1..6), 1..19);
        assert_eq!(view.source(6..7), 19..20);
    }

    #[test]
    fn pairs_of_digits_are_found_in_any_grouping() {
        let shown =
            |text: &str| String::from_utf8(hex_pairs(text.as_bytes()).bytes).expect("ASCII");
        assert_eq!(shown("6b:52:37"), "6b5237");
        assert_eq!(shown("6B52 372f"), "6b52372f");
        assert_eq!(shown("0x6b, 0x52"), "6b52");
        assert_eq!(shown("00000010: 6b52  Rz"), "000000106b52....");
        assert_eq!(shown("1:23"), "..23");
    }
}
