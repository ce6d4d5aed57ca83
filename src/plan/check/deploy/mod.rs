//! Rules for what is deployed: what Azure would refuse, and what one deploy would
//! take from another.

mod address;
mod app;
mod closed_port;
mod dns_label;
mod duplicate_port;
mod group_name;
mod hosting;
mod job_file;
mod label_port;
mod limit;
mod location;
mod mount;
mod platform;
mod port_count;
mod region;
mod same;
mod size;
mod tag_count;
mod verify_port;
mod verify_time;

pub use app::are_app_cores;
pub use closed_port::closed_port;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Plan;
use same::Group;
use std::collections::HashSet;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let groups = same_in_each(uses.plan, found);
    let own = groups.iter().filter_map(|group| group.aci.location.as_ref());
    region::check(uses.plan, own, found);
    location::check(uses.plan, found);
    app::check(uses.plan, found);
    for group in &groups {
        port_count::check(group.aci, found);
        duplicate_port::check(group.aci, found);
        label_port::check(group.aci, found);
        size::check(group.aci, group.step, found);
        limit::check(group.aci, found);
        mount::check(group.aci, found);
        address::check(group.aci, found);
        hosting::check(group.aci, found);
        tag_count::check(group.aci, found);
    }
    for (name, service) in uses.plan.services.iter() {
        verify_time::check(service, found);
        service.steps.iter().for_each(|step| job_file::check(step, found));
        // A deploy that could not be read may have ports.
        if uses.is_whole(&name.value) {
            verify_port::check(service, found);
            closed_port::check(service, found);
            platform::check(service, found);
        }
    }
}

/// Reports groups that are the same in an environment, once, and returns those of the plan.
fn same_in_each<'p>(plan: &'p Plan, found: &mut Vec<Diagnostic>) -> Vec<Group<'p>> {
    let mut each = plan.azure_in_each();
    // Environments that put groups into the same place are the same to these rules.
    let mut places = HashSet::new();
    each.retain(|azure| {
        let texts = [azure.resource_group(), azure.location()];
        places.insert(texts.map(|text| text.map(|text| text.span.start)))
    });
    let (mut groups, mut reported) = (Vec::new(), HashSet::new());
    for azure in each {
        groups = Group::all(plan, azure);
        let mut mistakes = Vec::new();
        group_name::check(&groups, &mut mistakes);
        dns_label::check(&groups, &mut mistakes);
        mistakes.retain(|one| reported.insert((one.code, one.primary.span.clone())));
        found.append(&mut mistakes);
    }
    groups
}
