//! From the tree to the plan, as far as it can be read.

use super::diagnostic::Diagnostic;
use super::parse::{Reader, Unread};
use super::schema::Plan;
use super::tree::{Kind, Node};
use std::collections::HashMap;

const SMALLEST: &str = "the smallest plan has a `name` and `steps`";

/// A plan as far as it could be read.
pub struct Parsed {
    pub plan: Plan,
    /// The steps that could not be read, by service.
    pub unread: HashMap<String, Unread>,
}

/// Reads a plan from its tree. `None` where there is nothing of one.
pub fn parse(
    text: &str,
    root: Option<&Node<'_>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Parsed> {
    let refusal = match root {
        None => Diagnostic::error("empty-plan", "the plan is empty", &(0..0)),
        Some(Node { kind: Kind::Null, .. }) => {
            Diagnostic::error("empty-plan", "the plan is empty", &(0..0))
        }
        Some(root @ Node { kind: Kind::Mapping(_), .. }) => {
            let mut reader = Reader::new(text);
            let plan = Plan::read(&mut reader, root);
            diagnostics.append(&mut reader.found);
            return Some(Parsed { plan: plan?, unread: reader.unread });
        }
        Some(root) => not_a_plan(root),
    };
    diagnostics.push(refusal.help(SMALLEST));
    None
}

/// A tree that is no mapping.
pub fn not_a_plan(root: &Node<'_>) -> Diagnostic {
    let message = format!("a plan is a mapping, and this is {}", root.kind.name());
    Diagnostic::error("not-a-plan", message, &root.span)
}
