//! Redacts a line that arrives in pieces, without holding more of it than a secret is
//! long.

use super::matcher::MASK;
use super::redactor::Redactor;
use std::ops::Range;

/// A longer line is passed on in pieces.
const MAX_PIECE_BYTES: usize = 64 * 1024;

/// What is held back of a line for the next piece, at least.
const MIN_HELD_BYTES: usize = 8 * 1024;

/// An escape is shorter, so that none is cut where the bytes before have no start of one.
const MAX_ESCAPE_BYTES: usize = 16;

/// A line, of which a part may have been shown.
#[derive(Debug)]
pub struct LineRedactor {
    redactor: Redactor,
    held: Vec<u8>,
    /// How many of the held bytes belong to a secret whose start was shown as `***`.
    masked: usize,
}

impl LineRedactor {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, held: Vec::new(), masked: 0 }
    }

    /// Adds a part of the line. Returns what can be shown, if that is much.
    pub fn push(&mut self, part: &[u8]) -> Option<String> {
        self.held.extend_from_slice(part);
        if self.held.len() <= MAX_PIECE_BYTES + MIN_HELD_BYTES {
            return None;
        }
        let held_back = self.redactor.matcher().max_match_len().max(MIN_HELD_BYTES);
        if self.held.len() <= MAX_PIECE_BYTES + held_back {
            return None;
        }
        let secrets = self.secrets();
        let wanted = calm(&self.held, self.held.len() - held_back);
        let (cut, masked) = match secrets.iter().find(|it| it.start < wanted && wanted < it.end) {
            // The next piece has all of it.
            Some(secret) if secret.start > 0 => (secret.start, 0),
            // Longer than what is held back: many secrets that overlap.
            Some(secret) => {
                let cut = secret.end.saturating_sub(held_back).max(1);
                (cut, secret.end - cut)
            }
            None => (wanted, 0),
        };
        let shown = show(&self.held[..cut], &secrets);
        self.held.drain(..cut);
        self.masked = masked;
        Some(shown)
    }

    /// Whether nothing of the line waits to be shown.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Ends the line and returns the rest of it, without its line ending.
    pub fn finish(&mut self) -> String {
        let line = self.held.strip_suffix(b"\n").unwrap_or(&self.held);
        let line = line.strip_suffix(b"\r").unwrap_or(line).len();
        self.held.truncate(line);
        let shown = show(&self.held, &self.secrets());
        self.held.clear();
        self.masked = 0;
        shown
    }

    fn secrets(&self) -> Vec<Range<usize>> {
        let mut secrets = self.redactor.matcher().find(&self.held);
        let masked = self.masked.min(self.held.len());
        if masked > 0 {
            secrets.retain(|secret| secret.end > masked);
            match secrets.first_mut().filter(|first| first.start <= masked) {
                Some(first) => first.start = 0,
                None => secrets.insert(0, 0..masked),
            }
        }
        secrets
    }
}

/// The last place before `limit` where neither an escape nor a letter is cut, if there is
/// one near.
fn calm(text: &[u8], limit: usize) -> usize {
    let is_calm = |&at: &usize| {
        let before = &text[at.saturating_sub(MAX_ESCAPE_BYTES)..at];
        let is_letter_start = text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        is_letter_start && !before.iter().any(|byte| matches!(byte, b'\\' | b'%' | b'&' | 0x1b))
    };
    (limit.saturating_sub(MIN_HELD_BYTES / 2)..=limit).rev().find(is_calm).unwrap_or(limit)
}

/// Text with each secret as `***`. Ranges that begin after its end are not of it.
pub(super) fn show(text: &[u8], secrets: &[Range<usize>]) -> String {
    let mut shown = Vec::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets.iter().take_while(|secret| secret.start < text.len()) {
        shown.extend_from_slice(&text[from..secret.start]);
        shown.extend_from_slice(MASK.as_bytes());
        from = secret.end.min(text.len());
    }
    shown.extend_from_slice(&text[from..]);
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{LineRedactor, MAX_PIECE_BYTES, MIN_HELD_BYTES};
    use crate::secret::Redactor;

    fn knowing(values: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        for value in values {
            redactor.adopt("test", (*value).to_owned());
        }
        redactor
    }

    fn in_parts(redactor: &Redactor, line: &[u8], part: usize) -> String {
        let mut redacting = redactor.line();
        let mut shown = String::new();
        for part in line.chunks(part) {
            shown.extend(redacting.push(part));
            assert!(
                redacting.held.len()
                    <= MAX_PIECE_BYTES
                        + redactor.matcher().max_match_len().max(MIN_HELD_BYTES)
                        + part.len()
            );
        }
        shown.push_str(&redacting.finish());
        shown
    }

    #[test]
    fn a_secret_across_any_cut_is_masked() {
        let secret = "k<7/x+Qz9==Tail/4".repeat(3);
        let redactor = knowing(&[&secret]);
        let escaped = secret
            .chars()
            .fold(String::new(), |text, it| format!("{text}\\u{:04X}", u32::from(it)));
        for spelling in [&secret, &escaped] {
            for before in (MAX_PIECE_BYTES - 400..MAX_PIECE_BYTES + MIN_HELD_BYTES).step_by(97) {
                let line = format!("{}{spelling}{}", "x".repeat(before), "y".repeat(100_000));
                let shown = in_parts(&redactor, line.as_bytes(), 4096);
                assert!(!shown.contains(&spelling[..12]), "{before}");
                assert_eq!(shown, format!("{}***{}", "x".repeat(before), "y".repeat(100_000)));
            }
        }
    }

    #[test]
    fn a_secret_of_any_length_is_masked() {
        let secret = (0..6_000).map(|number| format!("{number:x}")).collect::<Vec<_>>().join(".");
        let redactor = knowing(&[&secret]);
        for before in [0, 1_000, 60_000, 70_000] {
            let line = format!("{}{secret}{}", "x".repeat(before), "y".repeat(300_000));
            let shown = in_parts(&redactor, line.as_bytes(), 8192);
            assert_eq!(shown, format!("{}***{}", "x".repeat(before), "y".repeat(300_000)));
        }
    }

    #[test]
    fn an_endless_secret_leaves_no_tail() {
        let redactor = knowing(&["aaaa"]);
        let shown = in_parts(&redactor, &b"a".repeat(500_000), 5_000);
        assert!(shown.chars().all(|letter| letter == '*'), "{shown}");
    }

    #[test]
    fn a_short_line_is_shown_at_its_end_without_line_ending() {
        let mut line: LineRedactor = knowing(&["hunter22"]).line();
        assert_eq!(line.push(b"pw=hunt"), None);
        assert_eq!(line.push(b"er22 \xff\r\n"), None);
        assert_eq!(line.finish(), "pw=*** \u{fffd}");
        assert!(line.is_empty());
        assert_eq!(line.finish(), "");
    }
}
