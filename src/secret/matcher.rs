//! Finds secrets in bytes, in every spelling and in every decoded form of the text.
//!
//! It does not know where they come from; [`super::redactor`] and [`super::line`] decide
//! what replaces them.

use super::screen::shown;
use super::view::{View, hex_pairs, views};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeSet;
use std::ops::Range;

/// What a secret is replaced by.
pub(super) const MASK: &str = "***";

/// The shortest part of a secret that is looked for in hex dumps, whose lines break a value
/// anywhere.
const MIN_DUMPED_BYTES: usize = 4;

/// The shortest part that is looked for in hex digits without gaps: shorter ones occur in
/// digests by chance.
const MIN_SOLID_BYTES: usize = 16;

/// Only so many bytes of a value are looked for in parts. A longer value is also looked for as
/// a whole.
const MAX_DUMPED_BYTES: usize = 64 * 1024;

/// How many bytes of a text may stand for one byte of a spelling: `\U00000041` has ten.
const MAX_ESCAPE_BYTES: usize = 10;

/// A snapshot of all known spellings.
pub(super) struct Matcher {
    /// In bytes.
    longest_spelling: usize,
    spellings: Option<AhoCorasick>,
    /// Parts of values as hexadecimal digits.
    hex_parts: Option<AhoCorasick>,
}

impl Matcher {
    /// `values` are what a dump may show.
    pub(super) fn new(spellings: &BTreeSet<String>, values: &BTreeSet<String>) -> Self {
        Self {
            longest_spelling: spellings.iter().map(String::len).max().unwrap_or_default(),
            spellings: automaton(spellings),
            hex_parts: automaton(&values.iter().flat_map(|value| hex_parts(value)).collect()),
        }
    }

    /// The most bytes that a secret takes in a text.
    pub(super) fn max_match_len(&self) -> usize {
        self.longest_spelling * MAX_ESCAPE_BYTES
    }

    /// All matches in order, overlapping ones merged.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(spellings) = &self.spellings else { return Vec::new() };
        let mut found = overlapping(spellings, text);
        for view in views(text).into_iter().chain(shown(text)) {
            found.extend(overlapping(spellings, &view.bytes).into_iter().map(|it| view.source(it)));
        }
        // Most texts have too few digits for a dump, and need no second search.
        if let Some(hex_parts) = &self.hex_parts
            && text.iter().filter(|byte| byte.is_ascii_hexdigit()).count() >= 2 * MIN_DUMPED_BYTES
        {
            found.extend(in_dumps(hex_parts, text));
        }
        merged(found)
    }
}

fn automaton(patterns: &BTreeSet<String>) -> Option<AhoCorasick> {
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        // A DFA of a few long tokens would take tens of megabytes.
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(patterns)
        .expect("secrets are far from the four billion states an automaton may have");
    (!patterns.is_empty()).then_some(automaton)
}

/// The digits of each part of a value that is looked for in dumps.
fn hex_parts(value: &str) -> BTreeSet<String> {
    let bytes = value.as_bytes();
    let start = &bytes[..bytes.len().min(MAX_DUMPED_BYTES)];
    let parts = [MIN_DUMPED_BYTES, MIN_SOLID_BYTES].into_iter();
    let mut found: BTreeSet<String> =
        parts.flat_map(|length| start.windows(length)).map(hex::encode).collect();
    found.insert(hex::encode(bytes));
    found
}

/// All matches, sorted by their ends, with those that overlap merged.
fn overlapping(automaton: &AhoCorasick, bytes: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for found in automaton.find_overlapping_iter(bytes) {
        push_merged(&mut ranges, found.range());
    }
    ranges
}

/// Appends a range and merges it with the last ones that it overlaps. Ranges must come in the
/// order of their starts or of their ends.
fn push_merged(ranges: &mut Vec<Range<usize>>, mut range: Range<usize>) {
    while let Some(last) = ranges.last().filter(|last| range.start < last.end) {
        range.start = range.start.min(last.start);
        range.end = range.end.max(last.end);
        ranges.pop();
    }
    ranges.push(range);
}

fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| (range.start, range.end));
    let mut ranges = Vec::with_capacity(found.len());
    for range in found {
        push_merged(&mut ranges, range);
    }
    ranges
}

/// Finds secrets in hex dumps. A match in a line that begins with an offset extends to the end
/// of the line, because the column of text beside the digits repeats the bytes.
fn in_dumps(automaton: &AhoCorasick, text: &[u8]) -> Vec<Range<usize>> {
    let view = hex_pairs(text);
    let mut found = Vec::new();
    for digits in automaton.find_overlapping_iter(&view.bytes) {
        let range = digits.range();
        // Such a match starts in the middle of a byte and is a coincidence.
        if !range.start.is_multiple_of(2) || !is_long_enough(&view, range.clone()) {
            continue;
        }
        let mut source = view.source(range);
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

/// Whether a match is long enough to be a secret. Few bytes count where the digits have gaps,
/// as dumps do; digits without a gap are more often a digest. A whole value in digits without
/// a gap is one of the spellings, whatever its length.
fn is_long_enough(view: &View, digits: Range<usize>) -> bool {
    let length = digits.len();
    length >= 2 * MIN_SOLID_BYTES || view.source(digits).len() > length
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
