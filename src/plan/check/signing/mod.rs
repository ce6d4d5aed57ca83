//! Rules for signatures: the keys that sign, and what a step requires.

mod empty_require;
mod public_key;
mod signing_key;

pub use public_key::bad_public_keys;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Require, Step};

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let steps = uses.plan.services.iter().flat_map(|(_, service)| &service.steps);
    for step in steps {
        if let Action::Push(push) = &step.action
            && let Some(sign) = &push.sign
        {
            signing_key::check(uses, sign, found);
        }
        if let Some(require) = require_of(step) {
            empty_require::check(require, step, found);
        }
    }
}

/// What a step requires of images.
fn require_of(step: &Step) -> Option<&Require> {
    match &step.action {
        Action::Deploy(deploy) => deploy.require.as_ref(),
        Action::Verify(verify) => verify.require.as_ref(),
        Action::Build(_) | Action::Tag(_) | Action::Push(_) | Action::Run(_) => None,
    }
}
