//! What can be evaluated before the first step.

use super::contexts::{Phase, context};
use super::syntax::{ContextRef, references};
use crate::plan::schema::{Condition, Text};

impl Text {
    /// Whether it can be evaluated before the first step: no expression in it needs
    /// what steps give.
    pub fn is_known_early(&self) -> bool {
        self.expressions().all(|expression| is_known_early(&expression.value))
    }
}

impl Condition {
    /// Whether it can be evaluated before the first step. One that asks for the
    /// state of the run cannot.
    pub fn is_known_early(&self) -> bool {
        self.all().all(|condition| is_known_early(&condition.source))
            && self.asks_for_status().is_ok_and(|asks| !asks)
    }
}

/// Whether all contexts of an expression have their values before the first step.
/// An expression that cannot be parsed has none.
fn is_known_early(source: &str) -> bool {
    let of_steps = |found: &ContextRef| {
        context(found.context()).is_some_and(|context| context.phase >= Phase::Steps)
    };
    !references(source, 0).unwrap_or_default().iter().any(of_steps)
}

#[cfg(test)]
mod tests {
    use crate::plan::schema::Condition;

    #[test]
    fn conditions_over_steps_and_their_state_are_known_late() {
        let early = |source: &str| Condition::new(source.to_owned(), 0..0).is_known_early();
        assert!(early("github.event_name == 'push' && vars.x"));
        assert!(!early("steps.test.outputs.ok == 'true'"));
        assert!(!early("services.web.outputs.url"));
        assert!(!early("failure()"));
        assert!(!early("always() && pr.number"));
    }
}
