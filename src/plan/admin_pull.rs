//! Registries of Azure from which services pull with the admin user, since the plan says nothing
//! else. That works in a dry run, and with no registry as `az acr create` makes it.

use super::schema::{Action, Plan, Registries, Step};
use crate::oci::is_azure_registry;
use std::collections::BTreeSet;

/// A note for each such registry, as far as its host is known without a run.
pub fn admin_pull_notes(plan: &Plan) -> Vec<String> {
    let note = |host: &String| {
        format!(
            "`{host}` has no `pull`, so Azure pulls with the admin user of the registry, which a new \
             one does not have; `pull: {{ identity: NAME }}` needs none"
        )
    };
    pulled_as_admin(plan).iter().map(note).collect()
}

fn pulled_as_admin(plan: &Plan) -> BTreeSet<String> {
    // A key with an expression may mean any of them.
    if plan.registries.unnamed_keys().next().is_some() {
        return BTreeSet::new();
    }
    let deploys = |step: &Step| step.action.azure_deploy().is_some();
    let services = plan.services.iter().map(|(_, service)| &service.steps);
    let steps = services.filter(|steps| steps.iter().any(deploys)).flatten();
    let targets = steps.filter_map(|step| match &step.action {
        Action::Tag(tag) => Some(&tag.targets),
        _ => None,
    });
    let hosts = targets.flatten().filter_map(|target| target.image.source.split('/').next());
    let of_environments = plan.environments.iter().map(|(_, environment)| &environment.registries);
    let all: Vec<&Registries> = std::iter::once(&plan.registries).chain(of_environments).collect();
    let says_nothing = |host: &&str| {
        let mut settings = all.iter().filter_map(|registries| registries.get(host));
        settings.all(|it| it.pull.is_none() && it.login.is_none() && it.create.is_none())
    };
    let hosts = hosts.filter(|host| is_azure_registry(host)).filter(says_nothing);
    hosts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::admin_pull_notes;

    fn notes(registries: &str, deploy: &str) -> Vec<String> {
        let plan = format!(
            "name: shop\nvars: {{ registry: demo }}\nazure: {{ resource-group: demo }}\n{registries}steps:\n  - build: .\n  - tag: \
             'demo.azurecr.io/web:${{{{ git.sha }}}}'\n  - push:\n{deploy}"
        );
        admin_pull_notes(&crate::plan::read(&plan).plan.expect("a plan"))
    }

    const DEPLOY: &str = "  - deploy: { aci: {} }\n";

    #[test]
    fn registry_without_a_way_to_pull_is_noted() {
        let said = "`demo.azurecr.io` has no `pull`, so Azure pulls with the admin user of the \
                    registry, which a new one does not have; `pull: { identity: NAME }` needs none";
        assert_eq!(notes("", DEPLOY), [said]);
        assert_eq!(notes("registries: { demo.azurecr.io: {} }\n", DEPLOY), [said]);
    }

    #[test]
    fn plan_that_says_how_or_deploys_nothing_has_no_note() {
        let none: [String; 0] = [];
        assert_eq!(notes("", ""), none);
        for registries in [
            "demo.azurecr.io: { pull: { identity: web } }",
            "demo.azurecr.io: { login: admin }",
            "demo.azurecr.io: { create: { admin-user: true } }",
            "'${{ vars.registry }}.azurecr.io': { pull: { identity: web } }",
        ] {
            assert_eq!(notes(&format!("registries: {{ {registries} }}\n"), DEPLOY), none);
        }
    }
}
