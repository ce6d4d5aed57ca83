//! Whether what an expression names is there.

mod member;
mod output;
mod secret;
mod service;
mod step;
mod variable;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::ContextRef;
use crate::plan::schema::Plan;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let secrets = secret::Known::of(uses);
    let variables = variable::Known::of(uses.plan);
    let steps = step::Steps::of(uses);
    for one in &uses.all {
        for reference in &one.contexts {
            let span = one.span(&reference.span);
            found.extend(member::mistake(reference, &span));
            secrets.check(one, reference, found);
            found.extend(variables.mistake(reference, &span));
            steps.check(one, reference, found);
            service::check(uses, one, reference, found);
        }
    }
}

/// The mistake in a name that an expression outside of the plan uses, such as one that is
/// given to `shipway eval`: a member that its context does not have, or a variable that
/// the plan does not.
pub fn unknown_name(plan: &Plan, reference: &ContextRef) -> Option<Diagnostic> {
    let variables = variable::Known::of(plan);
    member::mistake(reference, &reference.span)
        .or_else(|| variables.mistake(reference, &reference.span))
}
