//! `missing-location`: a resource group is to be created, and the plan does not say where.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Plan;
use std::collections::HashSet;

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let each = plan.azure_in_each().into_iter().filter(|azure| azure.location().is_none());
    let mut seen = HashSet::new();
    for azure in each {
        let create = azure.create().filter(|create| create.as_literal() != Some("false"));
        let Some(create) = create.filter(|create| seen.insert(create.span.start)) else { continue };
        let message = "the resource group cannot be created without a location";
        let mistake = Diagnostic::error("missing-location", message, &create.span)
            .help("add it beside, as in `location: westeurope`");
        found.push(match azure.name {
            Some(name) => mistake.also(&name.span, "no location in this environment"),
            None => mistake,
        });
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

    #[test]
    fn environment_without_a_location_is_named() {
        let azure = "create: true }\nenvironments:\n  live: { if: \"'a' == github.sha\", azure: { location: westeurope } }\n  test: { azure: { resource-group: t }";
        assert_eq!(
            drawn(&plan(azure)),
            "\
error[missing-location]: the resource group cannot be created without a location
 --> shipway.yml:2:37
  |
2 | azure: { resource-group: g, create: true }
  |                                     ^^^^
...
5 |   test: { azure: { resource-group: t } }
  |   ---- no location in this environment
  |
  = help: add it beside, as in `location: westeurope`"
        );
        fine(&plan(&azure.replace("resource-group: t", "create: false")));
    }
}
