//! Rules for what has to come before, in a service and between services.

mod awaited;
mod container;
mod cycle;
mod group;
mod image;
mod needs;
mod never_verified;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    needs::check(uses, found);
    cycle::check(uses, found);
    awaited::check(uses, found);
    for (name, service) in uses.plan.services.iter() {
        // What a step that could not be read would have done is not missed.
        if uses.is_whole(&name.value) {
            image::check(service, found);
            never_verified::check(service, found);
        }
        container::check(service, found);
        group::check(uses.plan, service, found);
    }
}
