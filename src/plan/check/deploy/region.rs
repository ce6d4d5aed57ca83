//! `unknown-region`: a `location` is not a region of Azure.

use crate::plan::diagnostic::{Diagnostic, closest};
use crate::plan::schema::{Plan, Text};
use crate::value::{REGIONS, RegionName};

/// A name that is near a region is a mistake. Another one is a warning, because
/// Azure opens new regions.
pub(super) fn check<'p>(
    plan: &'p Plan,
    own: impl Iterator<Item = &'p Text>,
    found: &mut Vec<Diagnostic>,
) {
    let of_environments = plan.environments.iter().flat_map(|(_, one)| &one.azure);
    let plans = plan.azure.iter().chain(of_environments);
    let plans = plans.filter_map(|azure| azure.location.as_ref());
    for location in plans.chain(own) {
        let Some(name) = location.as_literal() else { continue };
        let message = format!("`{name}` is not a region of Azure");
        let near = closest(name, REGIONS);
        found.extend(match (RegionName::of(name), near) {
            (RegionName::Known, _) => None,
            (RegionName::Unknown, Some(near)) => Some(
                Diagnostic::error("unknown-region", message, &location.span)
                    .help(format!("did you mean `{near}`?")),
            ),
            (RegionName::Newer, _) | (RegionName::Unknown, None) => Some(
                Diagnostic::warning("unknown-region", message, &location.span)
                    .help("`az account list-locations --output table` lists the regions"),
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(plans: &str, own: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g, location: {plans} }}\nsteps:\n- deploy: {{ image: \"a.io/b:v1\", aci: {{ location: {own} }} }}\n"
        )
    }

    #[test]
    fn misspelt_region_is_an_error_with_the_right_name() {
        assert_eq!(
            drawn(&plan("westeuropa", "West Europe")),
            "\
error[unknown-region]: `westeuropa` is not a region of Azure
 --> shipway.yml:2:39
  |
2 | azure: { resource-group: g, location: westeuropa }
  |                                       ^^^^^^^^^^
  |
  = help: did you mean `westeurope`?"
        );
        assert!(drawn(&plan("eastus", "northeruope")).contains("did you mean `northeurope`?"));
    }

    #[test]
    fn region_that_may_be_new_is_a_warning() {
        for name in ["westus4", "antarcticasouthpole"] {
            let drawn = drawn(&plan("eastus", name));
            assert!(drawn.starts_with("warning[unknown-region]"), "{drawn}");
        }
        fine(
            &plan("'West US 3'", "\"${{ vars.region || 'eastus' }}\"")
                .replace("steps:", "vars: { region: x }\nsteps:"),
        );
    }
}
