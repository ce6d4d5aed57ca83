//! The plan's text, for turning a span into line and column.

use crate::event::PlanPosition;
use crate::plan::span::Span;
use crate::plan::{Diagnostic, PlanText, render_plan};

/// The plan as it was read, with paths as they are shown in messages.
#[derive(Clone, Debug, Default)]
pub struct PlanSource(pub PlanText);

impl PlanSource {
    /// The path of the plan's own file.
    pub fn file(&self) -> &str {
        self.0.parts().next().map_or("", |part| part.name)
    }

    /// Line and column of the start of a span, both from 1.
    pub fn place(&self, span: &Span) -> PlanPosition {
        let Some(part) = self.0.parts().nth(self.0.file_of(span)) else {
            return PlanPosition { file: String::new(), line: 1, column: 1 };
        };
        let start = span.start.saturating_sub(part.start).min(part.text.len());
        let before = &part.text[..part.text.floor_char_boundary(start)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        PlanPosition {
            file: part.name.to_owned(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// Its position, and its line, underlined, where it stands on one.
    pub fn lines(&self, span: &Span) -> Vec<String> {
        let is_one_line = self.0.text().get(span.clone()).is_some_and(|text| !text.contains('\n'));
        if is_one_line {
            let drawn = Diagnostic::error("", "", span);
            let drawn = render_plan(&self.0, &[drawn], false);
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
    use crate::plan::PlanText;

    #[test]
    fn a_place_counts_characters_from_one() {
        let source = PlanSource(PlanText::of("shipway.yml", "a: é\nbé: c\n"));
        let at = source.0.text().find('c').expect("it is in the text");
        let place = source.place(&(at..at + 1));
        assert_eq!((place.line, place.column), (2, 5));
        assert_eq!(source.place(&(999..999)).line, 3);
    }

    #[test]
    fn a_value_is_shown_with_its_line() {
        let source = PlanSource(PlanText::of("shipway.yml", "a: b\nc: d\n"));
        assert_eq!(source.lines(&(8..9)), [" --> shipway.yml:2:4", "  |", "2 | c: d", "  |    ^"]);
        assert_eq!(source.lines(&(0..9)), [" --> shipway.yml:1:1"]);
    }
}
