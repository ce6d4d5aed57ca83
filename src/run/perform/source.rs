//! The plan's text, for turning a span into line and column.

use crate::event::PlanPosition;
use crate::plan::span::Span;
use crate::plan::{Diagnostic, render};

/// The plan as it was read.
#[derive(Clone, Debug, Default)]
pub struct PlanSource {
    /// The path as it is shown in messages.
    pub file: String,
    pub text: String,
}

impl PlanSource {
    /// Line and column of the start of a span, both from 1.
    pub fn place(&self, span: &Span) -> PlanPosition {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        PlanPosition {
            file: self.file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// Its position, and its line, underlined, where it stands on one.
    pub fn lines(&self, span: &Span) -> Vec<String> {
        let is_one_line = self.text.get(span.clone()).is_some_and(|text| !text.contains('\n'));
        if is_one_line {
            let drawn = Diagnostic::error("", "", span);
            let drawn = render(&self.file, &self.text, &[drawn], false);
            // The first line is the title, which the error is.
            return drawn.lines().skip(1).map(|line| line.trim_end().to_owned()).collect();
        }
        let PlanPosition { file, line, column } = self.place(span);
        vec![format!(" --> {file}:{line}:{column}")]
    }
}

#[cfg(test)]
mod tests {
    use super::PlanSource;

    #[test]
    fn a_place_counts_characters_from_one() {
        let source = PlanSource { file: "shipway.yml".into(), text: "a: é\nbé: c\n".into() };
        let at = source.text.find('c').expect("it is in the text");
        let place = source.place(&(at..at + 1));
        assert_eq!((place.line, place.column), (2, 5));
        assert_eq!(source.place(&(999..999)).line, 3);
    }

    #[test]
    fn a_value_is_shown_with_its_line() {
        let source = PlanSource { file: "shipway.yml".into(), text: "a: b\nc: d\n".into() };
        assert_eq!(source.lines(&(8..9)), [" --> shipway.yml:2:4", "  |", "2 | c: d", "  |    ^"]);
        assert_eq!(source.lines(&(0..9)), [" --> shipway.yml:1:1"]);
    }
}
