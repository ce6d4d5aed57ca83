//! `missing-resource-group`: neither plan nor step says where a container group goes.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Plan, Service};

pub(super) fn check(plan: &Plan, service: &Service, found: &mut Vec<Diagnostic>) {
    let by_plan = plan.azure.as_ref().is_some_and(|azure| azure.resource_group.is_some());
    for step in &service.steps {
        let Action::Deploy(deploy) = &step.action else { continue };
        if !by_plan && deploy.resource_group().is_none() {
            let message = "nothing says which resource group this is deployed to";
            found.push(
                Diagnostic::error("missing-resource-group", message, &step.span)
                    .help("write `azure: { resource-group: NAME }` at the top of the plan"),
            );
        }
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
    fn by_the_step_itself() {
        fine("name: a\nsteps:\n- deploy: { image: \"a.io/b:v1\", aci: { resource-group: g } }\n");
    }
}
