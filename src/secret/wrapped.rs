//! Parts of secrets in encodings that are broken into lines, as `base64` and `xxd -p` do.
//!
//! A line may begin with the end of a value, end with the start of one, or lie in one as a
//! whole. Only there parts are looked for: between the ends of a line a value stands in full,
//! in one of its spellings.

use std::collections::BTreeSet;
use std::ops::Range;

/// The shortest part that is masked. Shorter ones stand in other texts by chance.
const MIN_PART_BYTES: usize = 4;

/// The same of UTF-16, where every second byte is zero in many texts.
const MIN_WIDE_PART_BYTES: usize = 8;

/// The shortest line that is masked because it lies in a value. A key has as many such parts as
/// bytes, so that a shorter one is more often chance.
const MIN_MIDDLE_BYTES: usize = 6;

/// An encoding whose digits stand for some bits each, the highest first.
struct Encoding {
    bits: usize,
    digit: fn(u8) -> Option<u8>,
}

const ENCODINGS: [Encoding; 3] = [
    Encoding { bits: 6, digit: base64_digit },
    Encoding { bits: 5, digit: base32_digit },
    Encoding { bits: 4, digit: hex_digit },
];

/// What is looked for at the ends of lines.
pub(super) struct WrappedParts {
    values: Vec<Value>,
    /// The first bytes of the values.
    starts: ShortParts<{ 1 << 12 }>,
    /// All parts of the values.
    parts: ShortParts<{ 1 << 18 }>,
    /// In bytes.
    longest_value: usize,
}

struct Value {
    bytes: Box<[u8]>,
    min_part_bytes: usize,
}

impl WrappedParts {
    pub(super) fn of(values: &BTreeSet<String>) -> Self {
        let plain = values
            .iter()
            .map(|value| Value { bytes: value.as_bytes().into(), min_part_bytes: MIN_PART_BYTES });
        let wide = values.iter().map(|value| Value {
            bytes: value.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            min_part_bytes: MIN_WIDE_PART_BYTES,
        });
        let values: Vec<Value> = plain.chain(wide).collect();
        let mut starts = ShortParts::new();
        let mut parts = ShortParts::new();
        for value in &values {
            value.bytes.first_chunk().into_iter().for_each(|part| starts.insert(*part));
            value.bytes.array_windows().for_each(|part| parts.insert(*part));
        }
        let longest_value = values.iter().map(|value| value.bytes.len()).max().unwrap_or_default();
        Self { values, starts, parts, longest_value }
    }

    /// The digits of a text that show a part of a value.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.values.is_empty() {
            return found;
        }
        let mut decoded = Vec::new();
        for encoding in &ENCODINGS {
            let min_digits = (8 * MIN_PART_BYTES).div_ceil(encoding.bits);
            // One byte more than the longest value, so that the part never seems to be all.
            let max_digits = (8 * (self.longest_value + 2)).div_ceil(encoding.bits);
            for run in runs(text, encoding.digit) {
                if run.len() < min_digits {
                    continue;
                }
                let head = run.start..run.end.min(run.start + max_digits);
                let tail = run.start.max(run.end.saturating_sub(max_digits))..run.end;
                for skipped in (0..8).step_by(if encoding.bits % 2 == 0 { 2 } else { 1 }) {
                    encoding.decode(&text[head.clone()], skipped, &mut decoded);
                    if let Some(bytes) = self.at_start(&decoded) {
                        let digits = (skipped + 8 * bytes).div_ceil(encoding.bits);
                        found.push(head.start..head.end.min(head.start + digits));
                    }
                    if tail != head {
                        encoding.decode(&text[tail.clone()], skipped, &mut decoded);
                    }
                    if let Some(first) = self.at_end(&decoded) {
                        found.push(tail.start + (skipped + 8 * first) / encoding.bits..tail.end);
                    }
                }
            }
        }
        found
    }

    /// How many bytes at the start of a decoded line are the end of a value, or all in one.
    fn at_start(&self, decoded: &[u8]) -> Option<usize> {
        let first: [u8; MIN_PART_BYTES] = *decoded.first_chunk()?;
        if !self.parts.may_have(first) {
            return None;
        }
        let bytes = |value: &Value| {
            let places = value.bytes.windows(MIN_PART_BYTES).enumerate();
            let places = places.filter(|(_, part)| *part == first);
            let lengths = places.filter_map(|(at, _)| {
                let rest = &value.bytes[at..];
                let is_end = decoded.starts_with(rest) && rest.len() >= value.min_part_bytes;
                let is_middle = rest.starts_with(decoded)
                    && decoded.len() >= MIN_MIDDLE_BYTES.max(value.min_part_bytes);
                (is_end || is_middle).then_some(rest.len().min(decoded.len()))
            });
            lengths.max()
        };
        self.values.iter().filter_map(bytes).max()
    }

    /// The first byte of the end of a decoded line that is the start of a value.
    fn at_end(&self, decoded: &[u8]) -> Option<usize> {
        let from = decoded.len().saturating_sub(self.longest_value);
        let mut places = decoded[from..].array_windows().zip(from..);
        let place = places.find(|(part, at)| {
            self.starts.may_have(**part)
                && self.values.iter().any(|value| {
                    decoded.len() - at >= value.min_part_bytes
                        && value.bytes.starts_with(&decoded[*at..])
                })
        });
        place.map(|(_, at)| at)
    }
}

/// A set that may say that it has a part that it has not: a bit for each of its hashes.
struct ShortParts<const BITS: usize> {
    words: Vec<u64>,
}

impl<const BITS: usize> ShortParts<BITS> {
    fn new() -> Self {
        Self { words: vec![0; BITS / 64] }
    }

    fn bit(part: [u8; MIN_PART_BYTES]) -> usize {
        // Fibonacci hashing: the highest bits of the product depend on all bytes.
        let hash = u32::from_le_bytes(part).wrapping_mul(0x9e37_79b1);
        (hash >> (32 - BITS.trailing_zeros())) as usize
    }

    fn insert(&mut self, part: [u8; MIN_PART_BYTES]) {
        let bit = Self::bit(part);
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    fn may_have(&self, part: [u8; MIN_PART_BYTES]) -> bool {
        let bit = Self::bit(part);
        self.words[bit / 64] >> (bit % 64) & 1 == 1
    }
}

impl Encoding {
    /// The bytes that digits stand for, without some first bits and without the last bits that
    /// make no byte.
    fn decode(&self, digits: &[u8], skipped: usize, decoded: &mut Vec<u8>) {
        decoded.clear();
        let (mut held, mut bits, mut skipped) = (0_u32, 0_usize, skipped);
        for value in digits.iter().filter_map(|&digit| (self.digit)(digit)) {
            held = held << self.bits | u32::from(value);
            bits += self.bits;
            let skip = skipped.min(bits);
            skipped -= skip;
            bits -= skip;
            held &= (1 << bits) - 1;
            if bits >= 8 {
                bits -= 8;
                // Eight bits are held above the rest.
                decoded.extend(u8::try_from(held >> bits));
                held &= (1 << bits) - 1;
            }
        }
    }
}

/// The longest parts of a text that are all digits.
fn runs(text: &[u8], digit: fn(u8) -> Option<u8>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        if digit(*byte).is_none() {
            continue;
        }
        match found.last_mut().filter(|last| last.end == at) {
            Some(last) => last.end += 1,
            None => found.push(at..at + 1),
        }
    }
    found
}

/// Of both alphabets of RFC 4648.
fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn base32_digit(byte: u8) -> Option<u8> {
    match byte.to_ascii_uppercase() {
        upper @ b'A'..=b'Z' => Some(upper - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use crate::secret::Redactor;

    /// `SuperSecretPassword-12345` as base64 and as hexadecimal digits, in a text.
    const BASE64: [&str; 3] = ["key: U3VwZXJTZW", "NyZXRQYXNzd29yZC0xMjM0", "NQ== and more"];
    const HEX: [&str; 3] = ["6b3a2053757065725365", "6372657450617373776f72642d", "31323334350a"];

    fn redactor() -> Redactor {
        let redactor = Redactor::default();
        redactor.register("test", "SuperSecretPassword-12345".into()).expect("long enough");
        redactor
    }

    #[test]
    fn parts_beside_a_break_are_masked() {
        let redactor = redactor();
        // One byte, of the last line of base64, is not told from chance.
        assert_eq!(BASE64.map(|line| redactor.redact(line)), ["key: ***", "***", BASE64[2]]);
        assert_eq!(HEX.map(|line| redactor.redact(line)), ["6b3a20***", "***", "***0a"]);
    }

    #[test]
    fn a_break_may_be_escaped() {
        let json = serde_json::json!({ "data": BASE64.join("\n") }).to_string();
        assert_eq!(redactor().redact(&json), r#"{"data":"key: ***\n***\nNQ== and more"}"#);
    }

    #[test]
    fn what_is_short_or_no_part_stays() {
        for text in [
            "U3VwZ",
            "the middle of a line: aaaaU3VwZXJTaaaa",
            "sha512-U3VwbXJTZWNyZXRQYXNzd29yZC0xMjM0NQ==",
            "commit 5375706f",
        ] {
            assert_eq!(redactor().redact(text), text);
        }
    }
}
