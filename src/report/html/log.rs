//! What is kept of the output of a step: its first and its last lines.

use std::collections::VecDeque;

/// What is kept of all steps together, about.
const MAX_LOG_BYTES: usize = 4 << 20;
/// What is kept of the end of one step.
const MAX_END_BYTES: usize = 128 << 10;
/// What is kept of the end of one step of a plan with very many.
const MIN_END_BYTES: usize = 2 << 10;
/// The beginning is a part of the end.
const PARTS_OF_BEGINNING: usize = 8;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LineKind {
    /// The step wrote it.
    Output,
    /// Shipway says it.
    Note,
}

#[derive(Clone, Debug)]
pub struct LogLine {
    pub kind: LineKind,
    pub text: String,
}

/// The log of a step.
#[derive(Clone, Debug, Default)]
pub struct StepLog {
    first: Vec<LogLine>,
    first_bytes: usize,
    last: VecDeque<LogLine>,
    last_bytes: usize,
    left_out: usize,
}

impl StepLog {
    /// Adds a line. `steps` is how many steps the plan has.
    pub fn push(&mut self, kind: LineKind, text: String, steps: usize) {
        let most = (MAX_LOG_BYTES / steps.max(1)).clamp(MIN_END_BYTES, MAX_END_BYTES);
        let bytes = text.len() + 1;
        let line = LogLine { kind, text };
        if self.last.is_empty() && self.first_bytes + bytes <= most / PARTS_OF_BEGINNING {
            self.first_bytes += bytes;
            self.first.push(line);
            return;
        }
        self.last_bytes += bytes;
        self.last.push_back(line);
        while self.last_bytes > most && self.last.len() > 1 {
            let Some(line) = self.last.pop_front() else { return };
            self.last_bytes -= line.text.len() + 1;
            self.left_out += 1;
        }
    }

    pub fn first(&self) -> impl Iterator<Item = &LogLine> {
        self.first.iter()
    }

    /// How many lines there were between the first and the last ones.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    pub fn last(&self) -> impl Iterator<Item = &LogLine> {
        self.last.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{LineKind, MAX_END_BYTES, MAX_LOG_BYTES, StepLog};

    fn log_of(lines: usize, steps: usize) -> StepLog {
        let mut log = StepLog::default();
        for number in 0..lines {
            log.push(LineKind::Output, format!("{number:07}"), steps);
        }
        log
    }

    #[test]
    fn the_first_and_the_last_lines_of_a_long_log_are_kept() {
        let log = log_of(1_000_000, 4);
        assert_eq!(log.first().count(), MAX_END_BYTES / 8 / 8);
        assert_eq!(log.last().count(), MAX_END_BYTES / 8);
        assert_eq!(log.last().last().map(|line| line.text.as_str()), Some("0999999"));
        let kept = log.first().count() + log.last().count();
        assert_eq!(log.left_out(), 1_000_000 - kept);
    }

    #[test]
    fn all_logs_together_are_bounded() {
        let log = log_of(100_000, 1_000);
        let bytes: usize = log.first().chain(log.last()).map(|line| line.text.len() + 1).sum();
        assert!(bytes * 1_000 <= MAX_LOG_BYTES * 9 / 8, "{bytes}");
        let short = log_of(10, 1_000);
        assert_eq!((short.first().count(), short.left_out()), (10, 0));
    }

    #[test]
    fn one_line_without_end_is_kept_alone() {
        let mut log = log_of(3, 1);
        log.push(LineKind::Output, "x".repeat(MAX_END_BYTES * 2), 1);
        log.push(LineKind::Note, "end".to_owned(), 1);
        assert_eq!(log.left_out(), 1);
        assert_eq!(log.last().next().map(|line| line.kind), Some(LineKind::Note));
    }
}
