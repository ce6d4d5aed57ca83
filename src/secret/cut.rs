//! Secrets that were cut with the text around them, as the start of a page in an error is.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeSet;
use std::ops::Range;

/// What stands at the end of a text that was cut.
const ELLIPSIS: &[u8] = "…".as_bytes();

/// The longest start of a value by which it is known. Of a shorter value two thirds are.
const MAX_START_BYTES: usize = 8;
const MIN_START_BYTES: usize = 4;

/// The values, by their starts.
pub(super) struct CutValues {
    starts: Option<AhoCorasick>,
    values: Vec<Box<[u8]>>,
}

impl CutValues {
    pub(super) fn of(values: &BTreeSet<String>) -> Self {
        let values: Vec<Box<[u8]>> = values.iter().map(|value| value.as_bytes().into()).collect();
        let start = |value: &[u8]| {
            let length = (value.len() * 2 / 3).clamp(MIN_START_BYTES, MAX_START_BYTES);
            value[..length.min(value.len())].to_vec()
        };
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(values.iter().map(|value| start(value)));
        // Fails only for far more values than a run has.
        Self { starts: automaton.ok().filter(|_| !values.is_empty()), values }
    }

    /// The starts of values that an ellipsis follows.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let Some(starts) = &self.starts else { return found };
        if !text.windows(ELLIPSIS.len()).any(|part| part == ELLIPSIS) {
            return found;
        }
        for start in starts.find_overlapping_iter(text) {
            let value = &self.values[start.pattern().as_usize()];
            let rest = &text[start.start()..];
            let length = rest.iter().zip(value).take_while(|(one, other)| one == other).count();
            if rest[length..].starts_with(ELLIPSIS) {
                found.push(start.start()..start.start() + length);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::secret::Redactor;

    #[test]
    fn the_start_of_a_secret_is_masked_where_it_was_cut() {
        let redactor = Redactor::default();
        for value in ["kR7xQz9TailWord4Longer", "hunter22", "pässwörd"] {
            redactor.register("test", value.into()).expect("long enough");
        }
        for (text, masked) in [
            ("xkR7xQz9TailWord4Lo…", "x***…"),
            ("kR7xQz9T… 900 bytes in all", "***… 900 bytes in all"),
            ("\"hunte…\"", "\"***…\""),
            ("pässwö…", "***…"),
            // Fewer characters do not tell the secret.
            ("kR7xQz9…", "kR7xQz9…"),
            ("hunt…", "hunt…"),
            ("kR7xQz9Tail and more", "kR7xQz9Tail and more"),
            ("kR7xQz9Tail…", "***…"),
        ] {
            assert_eq!(redactor.redact(text), masked, "{text}");
        }
    }
}
