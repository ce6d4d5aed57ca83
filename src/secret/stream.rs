//! Redacts streams: a secret may begin in one chunk and end in another.

use super::matcher::MASK;
use super::redactor::Redactor;
use std::io::{self, Write};

/// Redacts a stream of bytes, which need not be UTF-8.
///
/// A suffix that could be the start of a secret is held back until more arrives or the
/// stream is finished. Secrets registered meanwhile are masked from then on.
pub struct RedactingStream {
    redactor: Redactor,
    held: Vec<u8>,
    /// How many of the held bytes are covered by a mask that was written already.
    masked: usize,
}

impl RedactingStream {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, held: Vec::new(), masked: 0 }
    }

    /// Adds a chunk and returns what can be shown by now.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let undecided = self.redactor.matcher().undecided(&self.held);
        self.show_until(undecided)
    }

    /// Ends the stream and returns the rest.
    pub fn finish(&mut self) -> Vec<u8> {
        self.show_until(self.held.len())
    }

    fn show_until(&mut self, end: usize) -> Vec<u8> {
        let mut shown = Vec::with_capacity(end);
        let mut from = self.masked;
        for range in self.redactor.matcher().find(&self.held) {
            if range.start >= end {
                break;
            }
            // It overlaps what was masked last time, so it is part of that mask.
            if range.start >= from {
                shown.extend_from_slice(&self.held[from..range.start]);
                shown.extend_from_slice(MASK.as_bytes());
            }
            from = from.max(range.end);
        }
        if from < end {
            shown.extend_from_slice(&self.held[from..end]);
        }
        self.masked = from.saturating_sub(end);
        self.held.drain(..end);
        shown
    }
}

/// Redacts what is written through it. Bytes that are held back are written by
/// [`RedactingWriter::finish`], or when the writer is dropped.
pub struct RedactingWriter<W: Write> {
    stream: RedactingStream,
    inner: W,
}

impl<W: Write> RedactingWriter<W> {
    pub(super) fn new(stream: RedactingStream, inner: W) -> Self {
        Self { stream, inner }
    }

    /// Writes the bytes that are still held back.
    pub fn finish(&mut self) -> io::Result<()> {
        let rest = self.stream.finish();
        self.inner.write_all(&rest)?;
        self.inner.flush()
    }
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let shown = self.stream.push(piece);
        self.inner.write_all(&shown)?;
        Ok(piece.len())
    }

    /// Flushes what can be shown. Bytes that are held back stay so.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for RedactingWriter<W> {
    fn drop(&mut self) {
        // `drop` cannot report an error: callers that need it use `finish`.
        drop(self.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::Redactor;
    use crate::secret::spellings::spellings;
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any};
    use proptest::test_runner::Config;
    use proptest::{prop_assert, prop_assert_eq, proptest};
    use std::io::Write as _;

    fn knowing(values: &[String]) -> Redactor {
        let redactor = Redactor::default();
        for value in values {
            redactor.adopt("test", value.clone());
        }
        redactor
    }

    fn in_pieces(redactor: &Redactor, text: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let mut stream = redactor.stream();
        let mut shown: Vec<u8> =
            cuts.windows(2).flat_map(|cut| stream.push(&text[cut[0]..cut[1]])).collect();
        shown.extend(stream.finish());
        shown
    }

    #[test]
    fn a_secret_in_two_writes_is_masked() {
        let mut shown = Vec::new();
        let redactor = knowing(&["hunter22".into()]);
        let mut writer = redactor.writer(&mut shown);
        writer.write_all(b"pw=hunt").expect("memory");
        writer.write_all(b"er22!\n").expect("memory");
        drop(writer);

        assert_eq!(shown, b"pw=***!\n");
    }

    #[test]
    fn only_what_may_be_a_secret_is_held_back() {
        let mut stream = knowing(&["hunter22".into()]).stream();

        assert_eq!(stream.push(b"a line\n"), b"a line\n");
        assert_eq!(stream.push(b"hun"), b"");
        assert_eq!(stream.push(b"gry\xff\n"), b"hungry\xff\n");
        assert_eq!(stream.push(b"hunter2"), b"");
        assert_eq!(stream.finish(), b"hunter2");
    }

    #[test]
    fn a_secret_that_goes_on_has_one_mask() {
        let redactor = knowing(&["abcdef".into(), "efghij".into()]);
        let mut stream = redactor.stream();

        assert_eq!(stream.push(b"<abcdef"), b"<***");
        assert_eq!(stream.push(b"ghij>"), b">");
    }

    #[test]
    fn an_endless_secret_does_not_pile_up() {
        let mut stream = knowing(&["aaaa".into()]).stream();
        let shown: usize = (0..1_000).map(|_| stream.push(b"aaaaaaaa").len()).sum();

        assert!(stream.held.len() < 64, "{} bytes held", stream.held.len());
        assert_eq!(shown, 3);
    }

    #[test]
    fn a_secret_that_comes_late_is_known_from_then_on() {
        let redactor = Redactor::default();
        let mut stream = redactor.stream();

        assert_eq!(stream.push(b"hunter22 "), b"hunter22 ");
        redactor.adopt("late", "hunter22".into());
        assert_eq!(stream.push(b"hunter22 "), b"*** ");
    }

    fn secrets() -> impl Strategy<Value = Vec<String>> {
        vec("[ab\"'<&/\\\\ +é\n]{4,12}|[!-~]{4,20}", 1..4)
    }

    proptest! {
        #![proptest_config(Config::with_cases(48))]

        #[test]
        fn however_it_is_cut_it_reads_the_same(
            values in secrets(),
            filler in vec(any::<u8>(), 0..20),
            order in vec(0_usize..40, 1..8),
            cuts in vec(any::<usize>(), 0..12),
        ) {
            let redactor = knowing(&values);
            let known: Vec<String> =
                values.iter().flat_map(|value| spellings(value)).collect();
            let mut text = filler.clone();
            for index in order {
                if let Some(spelling) = known.get(index % known.len().max(1)) {
                    text.extend_from_slice(spelling.as_bytes());
                }
                text.extend_from_slice(&filler[..filler.len() / 2]);
            }
            let whole = in_pieces(&redactor, &text, &[]);
            prop_assert_eq!(in_pieces(&redactor, &text, &cuts), whole);
        }

        #[test]
        fn no_spelling_gets_out(
            values in vec("[a-z0-9\"'<&/ é]{6,20}", 1..4),
            pick in any::<usize>(),
            cuts in vec(any::<usize>(), 0..12),
        ) {
            let redactor = knowing(&values);
            let known: Vec<String> = values
                .iter()
                .filter(|value| value.trim().chars().count() >= 4)
                .flat_map(|value| spellings(value))
                .collect();
            if !known.is_empty() {
                let text = format!("[{}]", known[pick % known.len()]);
                let shown = in_pieces(&redactor, text.as_bytes(), &cuts);
                let shown = String::from_utf8(shown).expect("text in, text out");
                for spelling in &known {
                    prop_assert!(!shown.contains(spelling.as_str()), "{} in {}", spelling, shown);
                }
            }
        }
    }
}
