//! The table that a matrix prints at its end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

/// Counts by row and column.
#[derive(Debug)]
pub struct Figures {
    title: &'static str,
    columns: &'static [&'static str],
    rows: BTreeMap<String, Vec<usize>>,
}

impl Figures {
    pub fn new(title: &'static str, columns: &'static [&'static str]) -> Self {
        Self { title, columns, rows: BTreeMap::new() }
    }

    pub fn count(&mut self, row: &str, column: &str) {
        let width = self.columns.len();
        let counts = self.rows.entry(row.to_owned()).or_insert_with(|| vec![0; width]);
        let at = self.columns.iter().position(|one| *one == column).expect("a column");
        counts[at] += 1;
    }

    /// The sum of a column.
    pub fn sum(&self, column: &str) -> usize {
        let at = self.columns.iter().position(|one| *one == column).expect("a column");
        self.rows.values().map(|counts| counts[at]).sum()
    }

    /// As a table of Markdown, with the sums in its last line.
    pub fn table(&self) -> String {
        let mut text = format!("| {} | {} |\n", self.title, self.columns.join(" | "));
        writeln!(text, "| --- |{}", " ---: |".repeat(self.columns.len())).expect("written");
        let mut sums = vec![0; self.columns.len()];
        for (row, counts) in &self.rows {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
            writeln!(text, "| {row} | {} |", joined(counts)).expect("written");
        }
        writeln!(text, "| all | {} |", joined(&sums)).expect("written");
        text
    }

    /// Shows the table whether or not the test captures what it prints.
    pub fn print(&self) {
        say(&format!("\n{}", self.table()));
    }
}

/// Writes to standard error, which tests do not capture in this way.
pub fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("standard error is open");
}

fn joined(counts: &[usize]) -> String {
    counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" | ")
}
