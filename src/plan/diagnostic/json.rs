//! Diagnostics as programs read them.

use super::kind::{Diagnostic, Label};
use super::lines::Lines;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'t> {
    severity: &'static str,
    code: &'static str,
    message: &'t str,
    #[serde(flatten)]
    place: Place<'t>,
    related: Vec<Place<'t>>,
    help: Option<&'t str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Place<'t> {
    file: &'t str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'t str,
}

/// Writes all diagnostics as one JSON array of objects with `severity`, `code`,
/// `message`, `file`, `line`, `column`, `end-line`, `end-column`, `label`,
/// `related` and `help`. Lines and columns count from 1, columns in characters,
/// the end being past the last one.
pub fn render_json(file: &str, text: &str, diagnostics: &[Diagnostic]) -> String {
    let lines = Lines::of(text);
    let place = |label: &'_ Label| -> (usize, usize, usize, usize) {
        let (from, to) = (lines.position(label.span.start), lines.position(label.span.end));
        (from.line, from.column, to.line, to.column)
    };
    let entries: Vec<Entry<'_>> = diagnostics
        .iter()
        .map(|one| Entry {
            severity: one.severity.word(),
            code: one.code,
            message: &one.message,
            place: Place::new(file, &one.primary, place(&one.primary)),
            related: one
                .related
                .iter()
                .map(|label| Place::new(file, label, place(label)))
                .collect(),
            help: one.help.as_deref(),
        })
        .collect();
    serde_json::to_string_pretty(&entries).expect("strings and numbers can be written as JSON")
}

impl<'t> Place<'t> {
    fn new(file: &'t str, label: &'t Label, at: (usize, usize, usize, usize)) -> Self {
        let (line, column, end_line, end_column) = at;
        Self { file, line, column, end_line, end_column, label: &label.text }
    }
}

#[cfg(test)]
mod tests {
    use super::render_json;
    use crate::plan::diagnostic::Diagnostic;

    #[test]
    fn every_part_is_there() {
        let diagnostic = Diagnostic::error("twice", "`a` stands twice", &(5..6))
            .label("here")
            .also(&(0..1), "first")
            .help("leave one out");
        assert_eq!(
            render_json("ship.yml", "a: 1\na: 2\n", &[diagnostic]),
            r#"[
  {
    "severity": "error",
    "code": "twice",
    "message": "`a` stands twice",
    "file": "ship.yml",
    "line": 2,
    "column": 1,
    "end-line": 2,
    "end-column": 2,
    "label": "here",
    "related": [
      {
        "file": "ship.yml",
        "line": 1,
        "column": 1,
        "end-line": 1,
        "end-column": 2,
        "label": "first"
      }
    ],
    "help": "leave one out"
  }
]"#
        );
    }

    #[test]
    fn nothing_wrong_is_an_empty_array() {
        assert_eq!(render_json("ship.yml", "", &[]), "[]");
    }
}
