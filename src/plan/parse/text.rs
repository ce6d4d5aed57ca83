//! Cuts a string at its `${{ }}`.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Part, Text};
use crate::plan::span::{Span, Spanned};
use crate::plan::tree::{Scalar, locate};

/// Cuts a scalar. An expression that is not closed is a mistake, and then text.
pub(super) fn cut(
    text: &str,
    scalar: &Scalar<'_>,
    span: &Span,
    found: &mut Vec<Diagnostic>,
) -> Text {
    let value = &*scalar.value;
    if !value.contains("${{") {
        return Text { source: value.to_owned().into(), span: span.clone(), parts: Vec::new() };
    }
    let (pieces, unclosed) = pieces(value);
    let offsets: Vec<usize> = pieces
        .iter()
        .filter(|piece| piece.is_expression)
        .flat_map(|piece| [piece.range.start, piece.range.end])
        .chain(unclosed)
        .collect();
    let mut places =
        if offsets.is_empty() { Vec::new() } else { locate(text, scalar, span, &offsets) }
            .into_iter();
    let mut place = || places.next().unwrap_or(span.end);
    let parts = pieces
        .into_iter()
        .map(|piece| {
            let part = value[piece.range].to_owned();
            if piece.is_expression {
                Part::Expression(Spanned::new(part, place()..place()))
            } else {
                Part::Literal(part)
            }
        })
        .collect();
    if unclosed.is_some() {
        let at = place();
        found.push(
            Diagnostic::error("unclosed-expression", "an expression is not closed", &(at..at + 3))
                .label("opened here")
                .help("close it with `}}`; a `}}` inside `'…'` does not"),
        );
    }
    Text { source: value.to_owned().into(), span: span.clone(), parts }
}

struct Piece {
    range: Span,
    is_expression: bool,
}

/// The pieces of a string, an expression without its braces and the blanks at
/// its ends, and where one is opened that is never closed.
fn pieces(value: &str) -> (Vec<Piece>, Option<usize>) {
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut unclosed = None;
    while let Some(open) = value[from..].find("${{").map(|at| from + at) {
        let Some(close) = close(value, open + 3) else {
            unclosed = Some(open);
            break;
        };
        if from < open {
            pieces.push(Piece { range: from..open, is_expression: false });
        }
        pieces.push(Piece { range: trimmed(value, open + 3..close), is_expression: true });
        from = close + 2;
    }
    if from < value.len() {
        pieces.push(Piece { range: from..value.len(), is_expression: false });
    }
    (pieces, unclosed)
}

/// Where the `}}` is that ends an expression: outside of `'…'`, in which `''` is
/// a quote and so closes and opens it again.
fn close(value: &str, from: usize) -> Option<usize> {
    let bytes = value.as_bytes();
    let mut quoted = false;
    for at in from..bytes.len() {
        quoted ^= bytes[at] == b'\'';
        if !quoted && bytes[at..].starts_with(b"}}") {
            return Some(at);
        }
    }
    None
}

fn trimmed(value: &str, range: Span) -> Span {
    let inner = &value[range.clone()];
    let start = range.end - inner.trim_start().len();
    start..(range.start + inner.trim_end().len()).max(start)
}

#[cfg(test)]
mod tests {
    use super::cut;
    use crate::plan::diagnostic::Diagnostic;
    use crate::plan::schema::{Part, Text};
    use crate::plan::tree::{Kind, load};

    fn read(yaml: &str) -> (Text, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let node = load(yaml, &mut found).expect("a document");
        let Kind::Scalar(scalar) = &node.kind else { panic!("{yaml}") };
        let text = cut(yaml, scalar, &node.span, &mut found);
        (text, found)
    }

    /// Literals as they are, expressions between `‹›` as the text has them.
    #[track_caller]
    fn case(yaml: &str, expected: &str) {
        let (text, found) = read(yaml);
        assert_eq!(found, [], "{yaml}");
        let parts = text.parts.iter().map(|part| match part {
            Part::Literal(literal) => literal.clone(),
            Part::Expression(one) => format!("‹{}›", &yaml[one.span.clone()]),
        });
        let shown = text.as_literal().map_or_else(|| parts.collect(), str::to_owned);
        assert_eq!(shown, expected, "{yaml}");
    }

    #[test]
    fn literals_and_expressions() {
        case("plain", "plain");
        case("''", "");
        case("a-${{ x }}-b-${{y}}", "a-‹x›-b-‹y›");
        case("${{ x }}${{ y }}", "‹x›‹y›");
        case("${{ }}", "‹›");
        case("${{ '}}' }} z", "‹'}}'› z");
        case("${{ 'it''s }}' }}", "‹'it''s }}'›");
        case("$${{ x }}}", "$‹x›}");
        case("${ x } $x", "${ x } $x");
        case("'a ${{ b == ''c'' }}'", "a ‹b == ''c''›");
        case("|\n  one\n  two ${{ x }}\n", "one\ntwo ‹x›\n");
    }

    #[test]
    fn one_that_is_not_closed() {
        for yaml in ["a ${{ x", "a ${{ x }", "a ${{ '}}"] {
            let (text, found) = read(yaml);
            assert_eq!(text.parts, [Part::Literal(yaml.to_owned())]);
            assert_eq!(found.len(), 1);
            assert_eq!(
                (found[0].code, found[0].primary.span.clone()),
                ("unclosed-expression", 2..5)
            );
        }
    }
}
