//! `duplicate-group`: two steps deploy one container group, and the second would
//! overwrite the first.

use super::same::Group;
use crate::plan::diagnostic::Diagnostic;
use std::collections::HashMap;

pub(super) fn check(groups: &[Group<'_>], found: &mut Vec<Diagnostic>) {
    let mut seen = HashMap::new();
    for group in groups {
        let first = *seen.entry(group.identity()).or_insert(group);
        if !std::ptr::eq(first, group) {
            found.push(report(group, first));
        }
    }
}

fn report(group: &Group<'_>, first: &Group<'_>) -> Diagnostic {
    let span = |group: &Group<'_>| match group.name() {
        Some(name) => name.span.clone(),
        None => group.step.span.clone(),
    };
    let message = match group.name() {
        Some(name) => format!("two steps deploy the container group `{}`", name.source),
        None => "two steps deploy the same container group".to_owned(),
    };
    Diagnostic::error("duplicate-group", message, &span(group))
        .label("again here")
        .also(&span(first), "first here")
        .help("the second would overwrite the first: give each its own name or DNS label")
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    /// A plan of two services, each with a step that deploys these keys of `aci`.
    fn two(first: &str, second: &str) -> String {
        let service = |name: &str, aci: &str| {
            format!(
                "  {name}:\n    steps:\n      - deploy: {{ image: \"a.io/b:v1\", aci: {{ {aci} }} }}\n"
            )
        };
        format!(
            "name: a\nazure: {{ resource-group: g, location: westeurope }}\nservices:\n{}{}",
            service("one", first),
            service("two", second)
        )
    }

    #[test]
    fn name_or_label_of_another_deploy_is_refused() {
        insta::assert_snapshot!(drawn(&two("name: shop", "name: shop, resource-group: G")));
        let label = "dns-label: \"shop-${{ pr.slug }}\", ports: [80]";
        insta::assert_snapshot!(drawn(&two(label, label)));
    }

    #[test]
    fn second_deploy_of_a_service_is_refused() {
        let step = "- deploy: { image: \"a.io/b:v1\", aci: }\n";
        insta::assert_snapshot!(drawn(&format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n{step}{step}"
        )));
    }

    #[test]
    fn aliased_deploy_is_refused_at_its_anchor() {
        insta::assert_snapshot!(drawn(
            "name: a\nazure: { resource-group: g }\nservices:\n  one:\n    steps: &steps\n      \
             - deploy: { image: \"a.io/b:v1\", aci: { name: shop } }\n  two:\n    steps: *steps\n"
        ));
    }

    #[test]
    fn other_names_groups_and_conditions_are_accepted() {
        fine(&two("name: one", "name: two"));
        fine(&two("", ""));
        fine(&two("name: shop", "name: shop, resource-group: h"));
        let deploy = "deploy: { image: \"a.io/b:v1\", aci: { name: shop } }";
        fine(&format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- {deploy}\n- {{ if: failure(), {deploy} }}\n"
        ));
    }

    #[test]
    fn outputs_of_steps_differ_between_services() {
        let service = |name: &str| {
            format!(
                "  {name}:\n    steps:\n      - {{ id: pick, run: x }}\n      - deploy: {{ image: \"a.io/b:v1\", aci: {{ name: \"${{{{ steps.pick.outputs.name }}}}\" }} }}\n"
            )
        };
        fine(&format!(
            "name: a\nazure: {{ resource-group: g }}\nservices:\n{}{}",
            service("one"),
            service("two")
        ));
    }
}
