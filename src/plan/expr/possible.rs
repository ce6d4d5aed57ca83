//! Whether a condition can hold for an event, as far as the event's name tells.

use super::evaluate::evaluate;
use super::scope::Scope;
use super::syntax::{ContextRef, Segment, functions, parse, references};
use super::tree::{Binary, Expr, Node, Operator};
use super::value::Object;
use crate::plan::span::Spanned;
use crate::secret::Redactor;

/// Whether a condition can hold for an event of this name. Parts that depend on
/// anything else may be true or false.
pub fn can_hold(condition: &str, event: &str) -> bool {
    let github = Object::default().with("event_name", event);
    let scope = Scope::new(Redactor::default()).with("github", github);
    parse(condition, 0).map_or(true, |tree| can_be(true, &tree, &scope))
}

fn can_be(wanted: bool, node: &Node<'_>, scope: &Scope) -> bool {
    if let Some(value) = known(node.source, scope) {
        return value == wanted;
    }
    match &node.expr {
        Expr::Binary(Binary { left, operator, right }) => {
            let mut sides = [left, right].into_iter().map(|side| can_be(wanted, side, scope));
            match (operator, wanted) {
                (Operator::And, true) | (Operator::Or, false) => sides.all(|can| can),
                (Operator::And, false) | (Operator::Or, true) => sides.any(|can| can),
                _ => true,
            }
        }
        Expr::Not(inner) => can_be(!wanted, inner, scope),
        Expr::Literal(_)
        | Expr::Star
        | Expr::Call(_)
        | Expr::Identifier(_)
        | Expr::Index(_)
        | Expr::Path(_) => true,
    }
}

/// The value of an expression that depends on the event's name alone.
fn known(source: &str, scope: &Scope) -> Option<bool> {
    let is_event_name = |one: &ContextRef| {
        one.context().eq_ignore_ascii_case("github")
            && matches!(&one.path[1..], [Segment::Name(name)] if name.eq_ignore_ascii_case("event_name"))
    };
    if !references(source, 0).ok()?.iter().all(is_event_name)
        || !functions(source, 0).ok()?.iter().all(|one| one.function.is_pure())
    {
        return None;
    }
    let expression = Spanned::new(source.to_owned(), 0..source.len());
    evaluate(&expression, scope).ok().map(|value| value.is_truthy())
}

#[cfg(test)]
mod tests {
    use super::can_hold;

    #[test]
    fn event_name_decides_what_it_can() {
        for condition in [
            "github.event_name == 'schedule'",
            "github.event_name == 'schedule' && github.ref == 'refs/heads/main'",
            "!(github.event_name == 'push' || github.ref == 'x')",
            "startsWith(GitHub.Event_Name, 'pull_request') && always()",
            "contains(fromJSON('[\"schedule\", \"issues\"]'), github['event_name'])",
            "false",
        ] {
            assert!(!can_hold(condition, "push"), "{condition}");
        }
        for condition in [
            "github.event_name == 'push'",
            "github.event_name == 'schedule' || github.ref == 'refs/heads/main'",
            "github.event_name != 'schedule' && !github.event.deleted",
            "github.ref == 'refs/heads/main'",
            "env.EVENT == 'schedule'",
            "always()",
            "not (an expression",
        ] {
            assert!(can_hold(condition, "push"), "{condition}");
        }
    }
}
