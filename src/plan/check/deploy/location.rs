//! `missing-location`: a resource group is to be created, and the plan does not say where.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Plan;

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let Some(azure) = &plan.azure else { return };
    let create = &azure.create.text;
    if azure.location.is_none() && !create.span.is_empty() && create.as_literal() != Some("false") {
        let message = "the resource group cannot be created without a location";
        found.push(
            Diagnostic::error("missing-location", message, &create.span)
                .help("add it beside, as in `location: westeurope`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(azure: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g, {azure} }}\nsteps:\n- deploy: {{ image: \"a.io/b:v1\", aci: }}\n"
        )
    }

    #[test]
    fn group_that_is_created_needs_a_location() {
        assert_eq!(
            drawn(&plan("create: true")),
            "\
error[missing-location]: the resource group cannot be created without a location
 --> shipway.yml:2:37
  |
2 | azure: { resource-group: g, create: true }
  |                                     ^^^^
  |
  = help: add it beside, as in `location: westeurope`"
        );
        fine(&plan("create: true, location: westeurope"));
        fine(&plan("create: false"));
    }
}
