//! Finds secrets in bytes, in every spelling and in every decoded form of the text.
//!
//! It does not know where they come from; [`super::redactor`] and [`super::line`] decide
//! what replaces them.

use super::view::{View, hex_pairs, views};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeSet;
use std::ops::Range;

/// What a secret is replaced by.
pub(super) const MASK: &str = "***";

/// The fewest bytes of a secret that are looked for in a dump, whose lines cut a value
/// anywhere.
const MIN_DUMPED_BYTES: usize = 4;

/// The same in digits without a gap, where fewer may be a part of any digest.
const MIN_SOLID_BYTES: usize = 16;

/// Of a longer value, what follows is looked for as a whole only.
const MAX_DUMPED_BYTES: usize = 64 * 1024;

/// A decoded form of the longest spelling is rarely longer: each byte as `\u0041`.
const EXPANSION: usize = 6;

/// A snapshot of all known spellings.
pub(super) struct Matcher {
    longest: usize,
    spellings: Option<AhoCorasick>,
    /// Parts of values as hexadecimal digits.
    dumped: Option<AhoCorasick>,
}

impl Matcher {
    /// `values` are what a dump may show.
    pub(super) fn new(spellings: &BTreeSet<String>, values: &BTreeSet<String>) -> Self {
        Self {
            longest: spellings.iter().map(String::len).max().unwrap_or_default(),
            spellings: automaton(spellings),
            dumped: automaton(&values.iter().flat_map(|value| dumped(value)).collect()),
        }
    }

    /// The most bytes that a secret takes in a text.
    pub(super) fn longest(&self) -> usize {
        self.longest * EXPANSION
    }

    /// All matches in order, overlapping ones merged.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(spellings) = &self.spellings else { return Vec::new() };
        let mut found = matches(spellings, text);
        for view in views(text) {
            found.extend(matches(spellings, &view.bytes).into_iter().map(|it| view.source(it)));
        }
        if let Some(dumped) = &self.dumped
            && text.iter().filter(|byte| byte.is_ascii_hexdigit()).count() >= 2 * MIN_DUMPED_BYTES
        {
            found.extend(in_dumps(dumped, text));
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
fn dumped(value: &str) -> BTreeSet<String> {
    let bytes = value.as_bytes();
    let start = &bytes[..bytes.len().min(MAX_DUMPED_BYTES)];
    let parts = [MIN_DUMPED_BYTES, MIN_SOLID_BYTES].into_iter();
    let mut found: BTreeSet<String> =
        parts.flat_map(|length| start.windows(length)).map(hex::encode).collect();
    found.insert(hex::encode(bytes));
    found
}

fn matches(automaton: &AhoCorasick, bytes: &[u8]) -> Vec<Range<usize>> {
    // In the order of their ends, so that a later match may cover several earlier ones.
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for found in automaton.find_overlapping_iter(bytes) {
        add(&mut ranges, found.range());
    }
    ranges
}

/// Adds a range that ends after all others, and merges it with those that it overlaps.
fn add(ranges: &mut Vec<Range<usize>>, mut range: Range<usize>) {
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
        add(&mut ranges, range);
    }
    ranges
}

/// Values as pairs of digits: all of a line of a dump from the first match on, because
/// the column of letters beside the digits shows the same bytes.
fn in_dumps(automaton: &AhoCorasick, text: &[u8]) -> Vec<Range<usize>> {
    let view = hex_pairs(text);
    let mut found = Vec::new();
    for digits in automaton.find_overlapping_iter(&view.bytes) {
        let range = digits.range();
        // A match from the second digit of a pair is none.
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

/// A few bytes count where the digits have gaps, as dumps do. Digits without a gap are
/// more often a digest.
fn is_long_enough(view: &View, digits: Range<usize>) -> bool {
    let length = digits.len();
    length >= 2 * MIN_SOLID_BYTES || view.source(digits).len() > length
}

/// Whether a line has, before some place, the offset with which dumps begin it.
fn has_offset(before: &[u8]) -> bool {
    let mut words = before.split(|byte| matches!(byte, b' ' | b'\t'));
    words.any(|word| {
        let word = word.strip_suffix(b":").unwrap_or(word);
        word.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count() >= 6
    })
}
