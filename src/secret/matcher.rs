//! Finds secrets in bytes, in every spelling and in every decoded form of the text.
//!
//! It does not know where they come from; [`super::redactor`] and [`super::line`] decide
//! what replaces them.

use super::cut::CutValues;
use super::dumped::DumpedParts;
use super::screen::shown;
use super::view::views;
use super::wrapped::WrappedParts;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeSet;
use std::ops::Range;

/// What a secret is replaced by.
pub(super) const MASK: &str = "***";

/// How many bytes of a spelling are looked for at first. Few texts have them without the rest.
const MAX_START_BYTES: usize = 24;

/// How many bytes of a text may stand for one byte of a spelling: `&#000000000065;` has fifteen.
const MAX_ESCAPE_BYTES: usize = 16;

/// A snapshot of all known spellings.
pub(super) struct Matcher {
    /// In bytes.
    longest_spelling: usize,
    spellings: Option<Spellings>,
    dumped: DumpedParts,
    wrapped: WrappedParts,
    cut: CutValues,
}

impl Matcher {
    /// `values` are what is looked for in parts too.
    pub(super) fn new(spellings: &BTreeSet<String>, values: &BTreeSet<String>) -> Self {
        Self {
            longest_spelling: spellings.iter().map(String::len).max().unwrap_or_default(),
            spellings: Spellings::of(spellings),
            dumped: DumpedParts::of(values),
            wrapped: WrappedParts::of(values),
            cut: CutValues::of(values),
        }
    }

    /// The most bytes that a secret takes in a text.
    pub(super) fn max_match_len(&self) -> usize {
        self.longest_spelling * MAX_ESCAPE_BYTES
    }

    /// All matches in order, overlapping ones merged.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(spellings) = &self.spellings else { return Vec::new() };
        let mut found = spellings.find(text);
        for view in views(text).into_iter().chain(shown(text)) {
            let wrapped = self.wrapped.find(&view.bytes);
            let whole = spellings.find(&view.bytes);
            let cut = self.cut.find(&view.bytes);
            let all = whole.into_iter().chain(wrapped).chain(cut);
            found.extend(all.map(|it| view.source(it)));
        }
        found.extend(self.dumped.find(text));
        found.extend(self.wrapped.find(text));
        found.extend(self.cut.find(text));
        merged(found)
    }
}

/// Spellings by the bytes that they begin with.
///
/// The tokens of a run have some thousand spellings of a kilobyte each: an automaton over all of
/// them takes twenty megabytes and longer to build than the run takes besides.
struct Spellings {
    starts: AhoCorasick,
    /// The spellings of each start.
    by_start: Vec<Vec<Box<[u8]>>>,
}

impl Spellings {
    /// `None` where there are none.
    fn of(spellings: &BTreeSet<String>) -> Option<Self> {
        let start =
            |spelling: &str| spelling.as_bytes()[..spelling.len().min(MAX_START_BYTES)].to_vec();
        let mut starts: Vec<Vec<u8>> = Vec::new();
        let mut by_start: Vec<Vec<Box<[u8]>>> = Vec::new();
        // In their order, those with one start stand together.
        for spelling in spellings {
            let own = start(spelling);
            if starts.last() != Some(&own) {
                starts.push(own);
                by_start.push(Vec::new());
            }
            by_start.last_mut()?.push(spelling.as_bytes().into());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&starts)
            .expect("secrets are far from the four billion states an automaton may have");
        (!starts.is_empty()).then_some(Self { starts: automaton, by_start })
    }

    /// All matches in order, overlapping ones merged.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for start in self.starts.find_overlapping_iter(text) {
            let rest = &text[start.start()..];
            let spellings = &self.by_start[start.pattern().as_usize()];
            let whole = spellings.iter().filter(|spelling| rest.starts_with(spelling));
            found.extend(whole.map(|spelling| start.start()..start.start() + spelling.len()));
        }
        merged(found)
    }
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
