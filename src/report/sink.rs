//! Where a reporter writes: whole lines, redacted, at once.

use crate::secret::Redactor;
use std::fmt;
use std::io::{self, Write};

/// A stream that people or programs read.
pub struct Sink {
    out: Box<dyn Write + Send>,
    redactor: Redactor,
}

impl Sink {
    /// Writes to `out` whatever the redactor lets through.
    pub fn new(out: impl Write + Send + 'static, redactor: Redactor) -> Self {
        Self { out: Box::new(out), redactor }
    }

    /// Writes lines, in one piece, so that no other writer comes between.
    pub(super) fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&self.redactor.redact(line));
            text.push('\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}
