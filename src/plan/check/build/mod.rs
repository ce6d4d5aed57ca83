//! Rules for builds: platforms that no image can be for, and what would be left out.

mod duplicate_platform;
mod layer_left_out;
mod literal;
mod unknown_platform;
mod unused_argument;

pub use unused_argument::unused_arguments;

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Plan};

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
    for step in steps {
        let Action::Build(build) = &step.action else { continue };
        unknown_platform::check(build, found);
        duplicate_platform::check(build, found);
        layer_left_out::check(build, found);
    }
}
