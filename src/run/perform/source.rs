//! The plan's text, for turning a span into line and column.

use crate::event::PlanPosition;
use crate::plan::span::Span;

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
}
