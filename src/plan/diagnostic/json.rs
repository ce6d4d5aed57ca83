//! Diagnostics as programs read them.

use super::kind::{Diagnostic, Label};
use super::lines::PlanLines;
use crate::plan::plan_text::PlanText;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonDiagnostic<'t> {
    severity: &'static str,
    code: &'static str,
    message: &'t str,
    #[serde(flatten)]
    primary: JsonLabel<'t>,
    related: Vec<JsonLabel<'t>>,
    help: Option<&'t str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonLabel<'t> {
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
pub fn render_json(text: &PlanText, diagnostics: &[Diagnostic]) -> String {
    let lines = PlanLines::of(text);
    let entries: Vec<JsonDiagnostic<'_>> = diagnostics
        .iter()
        .map(|one| JsonDiagnostic {
            severity: one.severity.word(),
            code: one.code,
            message: &one.message,
            primary: JsonLabel::new(&one.primary, &lines),
            related: one.related.iter().map(|label| JsonLabel::new(label, &lines)).collect(),
            help: one.help.as_deref(),
        })
        .collect();
    serde_json::to_string_pretty(&entries).expect("strings and numbers can be written as JSON")
}

impl<'t> JsonLabel<'t> {
    fn new(label: &'t Label, lines: &'t PlanLines<'t>) -> Self {
        let file = lines.file_of(&label.span);
        let span = file.local(&label.span);
        let (start, end) = (file.lines.position(span.start), file.lines.position(span.end));
        Self {
            file: file.name,
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            label: &label.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::render_json;
    use crate::plan::diagnostic::Diagnostic;
    use crate::plan::plan_text::PlanText;

    #[test]
    fn every_part_is_there() {
        let diagnostic = Diagnostic::error("twice", "`a` stands twice", &(5..6))
            .label("here")
            .also(&(0..1), "first")
            .help("leave one out");
        assert_eq!(
            render_json(&PlanText::of("ship.yml", "a: 1\na: 2\n"), &[diagnostic]),
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
        assert_eq!(render_json(&PlanText::of("ship.yml", ""), &[]), "[]");
    }
}
