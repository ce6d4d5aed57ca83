//! Rules for signatures: the keys that sign, and what a step requires.

mod empty_require;
mod public_key;
mod required;
mod signing_key;

pub use public_key::bad_public_keys;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Action;
use required::require_of;

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
