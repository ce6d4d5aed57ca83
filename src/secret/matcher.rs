//! Finds spellings of secrets in bytes.
//!
//! It does not know where they come from; [`super::redactor`] and [`super::stream`] decide
//! what replaces them.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeSet;
use std::ops::Range;

/// What a secret is replaced by.
pub(super) const MASK: &str = "***";

/// A snapshot of all known spellings.
pub(super) struct Matcher {
    /// Sorted, so that spellings that begin with a text are found by bisection.
    patterns: Vec<String>,
    longest: usize,
    automaton: Option<AhoCorasick>,
}

impl Matcher {
    pub(super) fn new(spellings: &BTreeSet<String>) -> Self {
        let patterns: Vec<String> = spellings.iter().cloned().collect();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            // A DFA of a few long tokens would take tens of megabytes.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&patterns)
            .expect("secrets are far from the four billion states an automaton may have");
        Self {
            longest: patterns.iter().map(String::len).max().unwrap_or_default(),
            automaton: (!patterns.is_empty()).then_some(automaton),
            patterns,
        }
    }

    /// All matches in order, overlapping ones merged.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let mut ranges: Vec<Range<usize>> = Vec::new();
        // In the order of their ends, so that a later match may cover several earlier ones.
        for found in automaton.find_overlapping_iter(bytes) {
            let mut range = found.range();
            while let Some(last) = ranges.last().filter(|last| range.start < last.end) {
                range.start = range.start.min(last.start);
                ranges.pop();
            }
            ranges.push(range);
        }
        ranges
    }

    /// The position of a suffix that may be the start of a secret that continues after the
    /// text; the length of the text where no suffix may.
    pub(super) fn undecided(&self, bytes: &[u8]) -> usize {
        let first = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        (first..bytes.len()).find(|&start| self.may_begin(&bytes[start..])).unwrap_or(bytes.len())
    }

    /// Whether some spelling begins with `text` and is longer.
    fn may_begin(&self, text: &[u8]) -> bool {
        let next = self.patterns.partition_point(|pattern| pattern.as_bytes() <= text);
        self.patterns.get(next).is_some_and(|pattern| pattern.as_bytes().starts_with(text))
    }
}
