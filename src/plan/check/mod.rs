//! The rules about what a plan says, beyond its single values: whether what is
//! named is there, known by then, and may be seen where it is put.
//!
//! One rule is one file, one code, and a test that shows its text. `uses` finds
//! every expression and what it names, once, and the rules look at that.

mod build;
mod deploy;
mod expression;
mod files;
mod known_values;
mod leak;
mod never_chosen;
mod order;
mod reference;
mod registry_build;
mod same_registry;
mod signing;
mod untagged;
mod unused;
mod unused_registry;
mod uses;
mod values;

pub use build::unused_arguments;
pub use deploy::{are_app_cores, closed_port};
pub use files::{PathKind, is_after_a_run, missing_paths};
pub use leak::{PasswordInRepository, passwords_in_repository};
pub use reference::unknown_name;
pub use signing::bad_public_keys;
pub use values::unfit_values;

use super::diagnostic::Diagnostic;
use super::parsed::Parsed;
use uses::Uses;

/// Applies all rules. What could not be read is not reported again as missing.
pub fn check(text: &str, parsed: &Parsed, found: &mut Vec<Diagnostic>) {
    let uses = Uses::of(text, parsed, found);
    expression::check(&uses, found);
    reference::check(&uses, found);
    leak::check(&uses, found);
    order::check(&uses, found);
    build::check(uses.plan, found);
    deploy::check(&uses, found);
    never_chosen::check(uses.plan, found);
    registry_build::check(uses.plan, found);
    signing::check(&uses, found);
    untagged::check(uses.plan, found);
    unused::check(&uses, found);
    unused_registry::check(&uses, found);
}

/// What is wrong with a plan, drawn, for the tests of the rules.
#[cfg(test)]
#[track_caller]
fn drawn(text: &str) -> String {
    let reading = super::read(text);
    super::render("shipway.yml", text, &reading.diagnostics, false)
}

/// Asserts that a plan has no mistake.
#[cfg(test)]
#[track_caller]
fn fine(text: &str) {
    assert_eq!(drawn(text), "", "{text}");
}
