//! `missing-resource-group`: neither plan nor step says where a container group goes.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, AzureInEnvironment, Plan, Service};

pub(super) fn check(plan: &Plan, service: &Service, found: &mut Vec<Diagnostic>) {
    let is_lacking = |azure: &AzureInEnvironment<'_>| azure.resource_group().is_none();
    let each = plan.azure_in_each();
    let (all, lacking) = (each.len(), each.into_iter().filter(is_lacking));
    let lacking: Vec<_> = lacking.collect();
    let Some(first) = lacking.first() else { return };
    // A plan that leaves it to some environments leaves steps with an `if` to them, too.
    let everywhere = lacking.len() == all;
    for step in &service.steps {
        let Action::Deploy(deploy) = &step.action else { continue };
        let has_group = deploy.resource_group().is_some() || !deploy.is_to_azure();
        if has_group || (!everywhere && step.condition.is_some()) {
            continue;
        }
        let message = "nothing says which resource group this is deployed to";
        let mistake = Diagnostic::error("missing-resource-group", message, &step.span)
            .help("write `azure: { resource-group: NAME }` at the top of the plan");
        found.push(match first.name.filter(|_| !everywhere) {
            Some(name) => mistake.also(&name.span, "in this environment"),
            None => mistake,
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn is_asked_for() {
        assert_eq!(
            drawn("name: a\nsteps:\n- deploy: { image: \"a.io/b:v1\", aci: }\n"),
            "\
error[missing-resource-group]: nothing says which resource group this is deployed to
 --> shipway.yml:3:3
  |
3 | - deploy: { image: \"a.io/b:v1\", aci: }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write `azure: { resource-group: NAME }` at the top of the plan"
        );
    }

    #[test]
    fn environment_that_has_none_is_named() {
        let plan = |step: &str| {
            format!(
                "name: a\nenvironments:\n  live: {{ if: \"'a' == github.sha\", azure: {{ resource-group: g }} }}\n  test:\n\
                 steps:\n- {step}deploy: {{ image: \"a.io/b:v1\", aci: }}\n"
            )
        };
        assert_eq!(
            drawn(&plan("")),
            "\
error[missing-resource-group]: nothing says which resource group this is deployed to
 --> shipway.yml:6:3
  |
4 |   test:
  |   ---- in this environment
5 | steps:
6 | - deploy: { image: \"a.io/b:v1\", aci: }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write `azure: { resource-group: NAME }` at the top of the plan"
        );
        fine(&plan("if: environment.name == 'live'\n  "));
    }

    #[test]
    fn by_the_step_itself() {
        fine("name: a\nsteps:\n- deploy: { image: \"a.io/b:v1\", aci: { resource-group: g } }\n");
    }
}
