//! The output of a reporter: redacted lines, flushed at once.

use crate::secret::Redactor;
use serde_json::Value;
use std::fmt;
use std::io::{self, Write};

pub struct Sink {
    out: Box<dyn Write + Send>,
    redactor: Redactor,
}

impl Sink {
    pub fn new(out: impl Write + Send + 'static, redactor: Redactor) -> Self {
        Self { out: Box::new(out), redactor }
    }

    /// Writes lines with a single `write`, so that other writers cannot interleave.
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

    /// Writes a sequence for the terminal, whose text between has no line of its own.
    pub(super) fn sequence(&mut self, begin: &str, text: &str, end: &str) -> io::Result<()> {
        let sequence = format!("{begin}{}{end}", self.redactor.redact(text));
        self.out.write_all(sequence.as_bytes())?;
        self.out.flush()
    }

    /// Writes one line of JSON. Only strings are redacted, one by one: a secret may be
    /// equal to a keyword of JSON or the name of a field. Returns how many bytes were written.
    pub(super) fn json(&mut self, mut value: Value) -> io::Result<usize> {
        self.redact_value(&mut value);
        let line = format!("{value}\n");
        self.out.write_all(line.as_bytes())?;
        self.out.flush()?;
        Ok(line.len())
    }

    fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redactor.redact(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_value(value)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|value| self.redact_value(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}
