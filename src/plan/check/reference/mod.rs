//! Whether what an expression names is there.

mod member;
mod output;
mod secret;
mod service;
mod step;
mod variable;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let secrets = secret::Known::of(uses);
    let variables = variable::Known::of(uses);
    let steps = step::Steps::of(uses);
    for one in &uses.all {
        for reference in &one.contexts {
            member::check(one, reference, found);
            secrets.check(one, reference, found);
            variables.check(one, reference, found);
            steps.check(one, reference, found);
            service::check(uses, one, reference, found);
        }
    }
}
