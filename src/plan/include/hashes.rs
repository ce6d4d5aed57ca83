//! `hashFiles` in an included file.

use crate::plan::describe::{Found, PlanKeys as _, Visit};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::Site;
use crate::plan::expr::{Function, functions};
use crate::plan::plan_text::PlanText;
use crate::plan::schema::Plan;

/// Refuses `hashFiles` in included files: it looks in the folder of the plan, so that it would
/// find nothing, or another file of that name.
pub fn check_hashes(text: &PlanText, plan: &Plan, found: &mut Vec<Diagnostic>) {
    if text.parts().nth(1).is_none() {
        return;
    }
    let mut see = |one: Found<'_>| {
        for (source, span) in one.template.expressions() {
            if text.file_of(span) == 0 {
                continue;
            }
            let called = functions(source, span.start).unwrap_or_default();
            let hashes = called.iter().filter(|called| called.function == Function::HashFiles);
            found.extend(hashes.map(|called| {
                let message =
                    "`hashFiles` looks in the folder of the plan, not of an included file";
                Diagnostic::error("hash-files", message, &called.span)
                    .help("move it into the plan, as one of its `vars`")
            }));
        }
    };
    plan.visit_keys(&mut Visit::new(Site::Step, &mut see));
}
