//! Parts of secrets in hex dumps, whose lines break a value anywhere.

use super::view::{View, hex_pairs};
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

/// The shortest part of a secret that is looked for where digits have gaps, as in dumps.
const SHORT_BYTES: usize = 4;

/// The shortest part that is looked for in digits without gaps: shorter ones occur in digests
/// by chance. A whole value in digits without a gap is one of the spellings, whatever its
/// length.
const LONG_BYTES: usize = 16;

/// All parts of the values of these lengths.
///
/// Sets of them are made in a fraction of the time that an automaton over their digits takes,
/// which has forty states for each byte.
pub(super) struct DumpedParts {
    short: HashSet<[u8; SHORT_BYTES]>,
    long: HashSet<[u8; LONG_BYTES]>,
}

impl DumpedParts {
    pub(super) fn of(values: &BTreeSet<String>) -> Self {
        Self { short: windows(values), long: windows(values) }
    }

    /// The parts that a text shows as hexadecimal digits. A match in a line that begins with an
    /// offset extends to the end of the line, because the column of text beside the digits
    /// repeats the bytes.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        // Most texts have too few digits for a dump.
        let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit());
        if self.short.is_empty() || digits.take(2 * SHORT_BYTES).count() < 2 * SHORT_BYTES {
            return Vec::new();
        }
        let view = hex_pairs(text);
        let mut found = Vec::new();
        for digits in self.in_pairs(&view) {
            let mut source = view.source(digits);
            let begin =
                text[..source.start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            if has_offset(&text[begin..source.start]) {
                let rest = &text[source.end..];
                source.end += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            }
            found.push(source);
        }
        found
    }

    /// The digits of each part, as ranges of the view.
    fn in_pairs(&self, view: &View) -> Vec<Range<usize>> {
        let bytes: Vec<Option<u8>> = view.bytes.chunks_exact(2).map(byte).collect();
        let mut found = Vec::new();
        for at in 0..bytes.len() {
            // Each long part begins with a short one.
            let is_short = part(&bytes[at..]).is_some_and(|part| self.short.contains(&part));
            if !is_short {
                continue;
            }
            let short = 2 * at..2 * (at + SHORT_BYTES);
            if view.source(short.clone()).len() > short.len() {
                found.push(short);
            }
            if part(&bytes[at..]).is_some_and(|part| self.long.contains(&part)) {
                found.push(2 * at..2 * (at + LONG_BYTES));
            }
        }
        found
    }
}

/// All parts of one length.
fn windows<const N: usize>(values: &BTreeSet<String>) -> HashSet<[u8; N]> {
    values.iter().flat_map(|value| value.as_bytes().array_windows().copied()).collect()
}

/// The first bytes, if a pair of digits names each.
fn part<const N: usize>(bytes: &[Option<u8>]) -> Option<[u8; N]> {
    let mut part = [0; N];
    for (to, byte) in part.iter_mut().zip(bytes.get(..N)?) {
        *to = (*byte)?;
    }
    Some(part)
}

/// The byte that a pair of digits names. `None` for a gap.
fn byte(pair: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(pair[at]).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Whether the text before a match in its line has a word that ends in at least six hexadecimal
/// digits, as the offset of a dump does.
fn has_offset(before: &[u8]) -> bool {
    let mut words = before.split(|byte| matches!(byte, b' ' | b'\t'));
    words.any(|word| {
        let word = word.strip_suffix(b":").unwrap_or(word);
        word.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count() >= 6
    })
}
