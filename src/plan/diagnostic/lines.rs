//! From bytes to lines and columns.

use crate::plan::plan_text::PlanText;
use crate::plan::span::Span;

/// A place as people count: lines and columns from 1, columns in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// The files of a plan, each with the starts of its lines.
#[derive(Debug)]
pub struct PlanLines<'t> {
    text: &'t PlanText,
    files: Vec<FileLines<'t>>,
}

/// A file of a plan with the starts of its lines.
#[derive(Debug)]
pub struct FileLines<'t> {
    /// The path as it is shown.
    pub name: &'t str,
    pub lines: Lines<'t>,
    start: usize,
}

impl<'t> PlanLines<'t> {
    pub fn of(text: &'t PlanText) -> Self {
        let files = text.parts().map(|part| FileLines {
            name: part.name,
            lines: Lines::of(part.text),
            start: part.start,
        });
        Self { text, files: files.collect() }
    }

    /// The file in which a span begins.
    pub fn file_of(&self, span: &Span) -> &FileLines<'t> {
        &self.files[self.text.file_of(span)]
    }
}

impl FileLines<'_> {
    /// A span of the plan's text as one of the file's.
    pub fn local(&self, span: &Span) -> Span {
        span.start.saturating_sub(self.start)..span.end.saturating_sub(self.start)
    }
}

/// The starts of all lines of a text, found once.
#[derive(Debug)]
pub struct Lines<'t> {
    pub(super) text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn of(text: &'t str) -> Self {
        let after =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// The position of a byte offset. One past the end is at the end, and one inside
    /// a character at that character.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.clamp(offset);
        let line = self.line_of(offset);
        let before = &self.text[self.starts[line]..offset];
        let columns = before.trim_start_matches('\u{feff}').chars().count();
        Position { line: line + 1, column: columns + 1 }
    }

    /// The part of a span on its first line, at character boundaries.
    pub fn first_line(&self, span: &Span) -> Span {
        let start = self.clamp(span.start);
        let end = self.clamp(span.end).max(start);
        let line = self.line_of(start);
        let stop = self.starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let end = end.min(stop).max(start);
        start..start + self.text[start..end].trim_end().len()
    }

    /// The index, from 0, of the line that a byte is on.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The offset where a line begins, by its index from 0; the end of the text for
    /// one that does not exist.
    pub(super) fn start_of(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    fn clamp(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Position};

    #[test]
    fn positions_count_characters_from_one() {
        #[track_caller]
        fn case(lines: &Lines<'_>, offset: usize, line: usize, column: usize) {
            assert_eq!(lines.position(offset), Position { line, column }, "{offset}");
        }
        let lines = Lines::of("ab\néü x\r\n");
        case(&lines, 0, 1, 1);
        case(&lines, 2, 1, 3);
        case(&lines, 3, 2, 1);
        case(&lines, 4, 2, 1);
        case(&lines, 5, 2, 2);
        case(&lines, 8, 2, 4);
        case(&lines, 99, 3, 1);
    }

    #[test]
    fn a_span_is_cut_to_its_first_line() {
        let lines = Lines::of("a: \r\n  b\n");
        assert_eq!(lines.first_line(&(0..9)), 0..2);
        assert_eq!(lines.first_line(&(7..8)), 7..8);
        assert_eq!(lines.first_line(&(50..60)), 9..9);
    }
}
