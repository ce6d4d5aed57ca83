//! Finds the place of a piece of a scalar's value in the text.

use super::node::{Scalar, Style};
use crate::plan::span::Span;

/// Converts offsets into a scalar's value, in ascending order, to offsets into
/// the text. Escapes, doubled quotes and folded lines make the two differ. The
/// end of the scalar stands for a place that cannot be found.
pub fn locate(text: &str, scalar: &Scalar<'_>, span: &Span, offsets: &[usize]) -> Vec<usize> {
    let source = text.get(span.clone()).unwrap_or_default();
    let mut walk = Walk { source, style: scalar.style, at: usize::from(scalar.style.is_quoted()) };
    let mut found = Vec::with_capacity(offsets.len());
    let mut wanted = offsets.iter().peekable();
    for (offset, letter) in scalar.value.char_indices() {
        while wanted.next_if(|wanted| **wanted <= offset).is_some() {
            found.push(span.start + walk.at);
        }
        if wanted.peek().is_none() || !walk.step(letter) {
            break;
        }
    }
    let end = span.start + walk.at.min(source.len());
    found.resize(offsets.len(), if found.len() + 1 == offsets.len() { end } else { span.end });
    found
}

impl Style {
    fn is_quoted(self) -> bool {
        matches!(self, Self::Single | Self::Double)
    }
}

/// A walk through the source, beside one through the value.
struct Walk<'t> {
    source: &'t str,
    style: Style,
    at: usize,
}

impl Walk<'_> {
    /// Moves past the source of this letter of the value. `false` where the two
    /// do not match, which does not happen to what a YAML parser accepted.
    fn step(&mut self, letter: char) -> bool {
        self.skip_joined_lines();
        if letter.is_ascii_whitespace() && self.fold() {
            return true;
        }
        // A folded block leaves out one line end of several.
        while !letter.is_ascii_whitespace() && self.fold() {}
        let rest = &self.source[self.at..];
        let Some(next) = rest.chars().next() else { return false };
        match self.style {
            Style::Single if rest.starts_with("''") => self.at += 2,
            Style::Double if next == '\\' => self.at += escape(rest),
            _ if next == letter => self.at += letter.len_utf8(),
            // Of several line ends all but the first are gone already.
            _ => return letter == '\n',
        }
        self.source.is_char_boundary(self.at)
    }

    /// In double quotes, a backslash at the end of a line joins it to the next.
    fn skip_joined_lines(&mut self) {
        while self.style == Style::Double {
            let rest = &self.source[self.at..];
            let Some(after) = rest.strip_prefix("\\\n").or_else(|| rest.strip_prefix("\\\r\n"))
            else {
                return;
            };
            self.at = self.source.len() - after.trim_start_matches([' ', '\t', '\r', '\n']).len();
        }
    }

    /// Moves past a line end and the indentation after it, if there is one here.
    /// In quotes and plain text that is all consecutive line ends.
    fn fold(&mut self) -> bool {
        let rest = &self.source[self.at..];
        let after = match self.style {
            Style::Block(indent) => strip_line_end(rest).map(|after| {
                let spaces = after.len() - after.trim_start_matches(' ').len();
                &after[spaces.min(indent)..]
            }),
            _ => strip_line_end(rest.trim_start_matches([' ', '\t']))
                .map(|after| after.trim_start_matches([' ', '\t', '\r', '\n'])),
        };
        if let Some(after) = after {
            self.at = self.source.len() - after.len();
        }
        after.is_some()
    }
}

fn strip_line_end(text: &str) -> Option<&str> {
    text.strip_prefix('\n').or_else(|| text.strip_prefix("\r\n"))
}

/// The length of an escape in bytes (YAML 1.2.2, section 5.7).
fn escape(rest: &str) -> usize {
    let digits = match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') if is_surrogate(rest) => 12,
        Some(b'u') => 6,
        Some(b'U') => 10,
        Some(_) => 2,
        None => 1,
    };
    digits.min(rest.len())
}

/// JSON spells a character past U+FFFF as two escapes.
fn is_surrogate(rest: &str) -> bool {
    rest.get(2..4)
        .is_some_and(|high| matches!(high.to_ascii_lowercase().as_str(), "d8" | "d9" | "da" | "db"))
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, load};
    use super::locate;

    /// What stands in the text between the places of `«` and `»` in the value.
    #[track_caller]
    fn case(yaml: &str, piece: &str, expected: &str) {
        let mut found = Vec::new();
        let node = load(yaml, &mut found).expect("a document");
        let Kind::Mapping(entries) = node.kind else { panic!("{yaml}") };
        let value = &entries[0].value;
        let Kind::Scalar(scalar) = &value.kind else { panic!("{yaml}") };
        let at = scalar.value.find(piece).expect("the piece is there");
        let places = locate(yaml, scalar, &value.span, &[at, at + piece.len()]);
        assert_eq!(&yaml[places[0]..places[1]], expected, "{yaml}");
    }

    #[test]
    fn each_style() {
        case("a: x ${{ y }} z", "${{ y }}", "${{ y }}");
        case("a: x ${{ y }}", "${{ y }}", "${{ y }}");
        case("a: 'it''s ${{ y }}'", "${{ y }}", "${{ y }}");
        case("a: '${{ y == ''b'' }} z'", "y == 'b'", "y == ''b''");
        case(r#"a: "\t\x41\u0042\U0000000e\\ ${{ y }}""#, "${{ y }}", "${{ y }}");
        case(r#"{"a": "\ud83d\ude00 ${{ y }}"}"#, "${{ y }}", "${{ y }}");
        case(r#"a: "${{ y == \"b\" }}""#, "y == \"b\"", r#"y == \"b\""#);
        case("a: |\n  one\n    two\n\n  ${{ y }}\n", "${{ y }}", "${{ y }}");
        case("a: |-\n  one ${{ y }}", "${{ y }}", "${{ y }}");
        case("a: >\n  one\n  two\n\n  three ${{ y }}\n", "${{ y }}", "${{ y }}");
        case("a: one\n   two\n\n\n   ${{ y }} three", "${{ y }}", "${{ y }}");
        case("a: \"one \\\n   two\n\n   ${{ y }}\"", "${{ y }}", "${{ y }}");
        case("a: |\r\n  one\r\n  ${{ y }}\r\n", "${{ y }}", "${{ y }}");
        case("a: é ü ${{ y }}", "${{ y }}", "${{ y }}");
    }
}
