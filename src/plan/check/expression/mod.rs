//! Rules for expressions: their syntax, and whether contexts are known by then.

mod constant;
mod context;
mod phase;
pub(super) mod syntax;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    for one in &uses.all {
        context::check(one, found);
        phase::check(one, found);
        constant::check(one, found);
    }
}
