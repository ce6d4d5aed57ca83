//! The last lines of a child's output, for the report of its failure.

use std::collections::VecDeque;

const MAX_LINES: usize = 20;

/// A longer line is cut: a report is no place for a minified file.
const MAX_LINE_CHARS: usize = 1_000;

/// The last lines that were written, oldest first.
#[derive(Clone, Debug, Default)]
pub struct LastLines(VecDeque<String>);

impl LastLines {
    /// Adds a line, which is redacted already.
    pub fn push(&mut self, line: &str) {
        if self.0.len() == MAX_LINES {
            self.0.pop_front();
        }
        self.0.push_back(match line.char_indices().nth(MAX_LINE_CHARS) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line.to_owned(),
        });
    }

    pub fn to_vec(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::LastLines;

    #[test]
    fn only_the_last_twenty_lines_are_kept() {
        let mut lines = LastLines::default();
        for number in 1..=25 {
            lines.push(&format!("line {number}"));
        }
        let kept = lines.to_vec();
        assert_eq!(kept.len(), 20);
        assert_eq!(kept[0], "line 6");
        assert_eq!(kept[19], "line 25");
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut lines = LastLines::default();
        lines.push(&"é".repeat(1_001));
        assert_eq!(lines.to_vec(), [format!("{}…", "é".repeat(1_000))]);
    }
}
