//! A terminal that records what it shows.

use crate::report::log::{Canvas, TerminalSize};
use indicatif::{ProgressDrawTarget, TermLike};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use unicode_width::UnicodeWidthChar as _;

/// The second cell of a wide character.
const COVERED: char = '\0';

#[derive(Clone, Debug)]
pub(in crate::report) struct Screen {
    columns: u16,
    rows: u16,
    cells: Arc<Mutex<Cells>>,
}

#[derive(Debug, Default)]
struct Cells {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    pub(in crate::report) fn new(columns: u16, rows: u16) -> Self {
        Self { columns, rows, cells: Arc::default() }
    }

    /// For a live view that is drawn by events alone.
    pub(in crate::report) fn canvas(&self) -> Canvas {
        let size = TerminalSize { columns: self.columns.into(), rows: self.rows.into() };
        Canvas {
            target: ProgressDrawTarget::term_like(Box::new(self.clone())),
            size: Arc::new(move || size),
            ticking: false,
        }
    }

    /// The visible text without trailing blanks.
    pub(in crate::report) fn text(&self) -> String {
        let cells = self.cells();
        let shown = |row: &Vec<char>| row.iter().filter(|c| **c != COVERED).collect::<String>();
        let rows = cells.rows.iter().map(shown);
        let rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cells {
    fn put(&mut self, c: char, columns: usize) {
        match c {
            '\n' => (self.row, self.column) = (self.row + 1, 0),
            '\r' => self.column = 0,
            c => {
                let width = c.width().unwrap_or(0);
                if self.column + width > columns {
                    (self.row, self.column) = (self.row + 1, 0);
                }
                let (from, to) = (self.column, self.column + width);
                let row = self.current();
                if row.len() < to {
                    row.resize(to, ' ');
                }
                row[from..to].fill(COVERED);
                if from < to {
                    row[from] = c;
                }
                self.column = to;
            }
        }
    }

    fn current(&mut self) -> &mut Vec<char> {
        if self.rows.len() <= self.row {
            self.rows.resize(self.row + 1, vec![]);
        }
        &mut self.rows[self.row]
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.columns
    }

    fn height(&self) -> u16 {
        self.rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        let mut cells = self.cells();
        cells.row = cells.row.saturating_sub(n);
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.cells().row += n;
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.cells().column += n;
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        let mut cells = self.cells();
        cells.column = cells.column.saturating_sub(n);
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut cells = self.cells();
        text.chars().for_each(|c| cells.put(c, usize::from(self.columns)));
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut cells = self.cells();
        cells.current().clear();
        cells.column = 0;
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
