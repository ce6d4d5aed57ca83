//! Reads an `if`.

use super::reader::Reader;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Condition, Part};
use crate::plan::tree::{Kind, Node};

impl Reader<'_> {
    /// A bare expression, or one in `${{ }}`. With text around it, it would be a
    /// string, which is always true.
    pub fn condition(&mut self, node: &Node<'_>) -> Option<Condition> {
        if matches!(node.kind, Kind::Null) {
            let diagnostic = Diagnostic::error("wrong-type", "`if` has no value", &node.span);
            self.report(diagnostic.help(
                "write a condition, as in `if: github.event_name == 'push'`, or leave `if` out",
            ));
            return None;
        }
        let text = self.string("if", node)?;
        let expressions: Vec<_> = text.expressions().cloned().collect();
        let Some(expression) = expressions.first() else {
            return Some(Condition::new(text.source.into_owned(), text.span));
        };
        let is_text =
            |part: &Part| matches!(part, Part::Literal(literal) if !literal.trim().is_empty());
        if expressions.len() > 1 || text.parts.iter().any(is_text) {
            let message = "this `if` is a text, which always holds";
            self.report(
                Diagnostic::error("text-as-condition", message, &text.span)
                    .help("write the whole condition as one expression, without `${{ }}`"),
            );
        }
        Some(Condition::new(expression.value.clone(), expression.span.clone()))
    }
}
