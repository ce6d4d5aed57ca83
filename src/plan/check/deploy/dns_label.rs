//! `duplicate-dns-label`: two container groups of a location have one DNS label.

use super::same::Group;
use crate::plan::diagnostic::Diagnostic;
use std::collections::HashMap;

pub(super) fn check(groups: &[Group<'_>], found: &mut Vec<Diagnostic>) {
    let mut seen = HashMap::new();
    for group in groups {
        let (Some(domain), Some(label)) = (group.domain(), &group.aci.dns_label) else { continue };
        let (first, first_label) = *seen.entry(domain).or_insert((group, label));
        // Two deploys of one group are `duplicate-group` already.
        if group.identity() == first.identity() {
            continue;
        }
        let message = format!("two container groups have the DNS label `{}`", label.source);
        found.push(
            Diagnostic::error("duplicate-dns-label", message, &label.span)
                .label("again here")
                .also(&first_label.span, "first here")
                .help("a label belongs to one group of a location: give each its own"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn two(first: &str, second: &str) -> String {
        let step = |aci: &str| {
            format!(
                "- deploy: {{ image: \"a.io/b:v1\", aci: {{ {aci}, dns-label: shop-live, ports: [80] }} }}\n"
            )
        };
        format!(
            "name: a\nazure: {{ resource-group: g, location: westeurope }}\nsteps:\n{}{}",
            step(first),
            step(second)
        )
    }

    #[test]
    fn label_of_another_group_is_refused() {
        insta::assert_snapshot!(drawn(&two("name: one", "name: two")));
        assert!(drawn(&two("cpu: 1", "resource-group: h")).contains("[duplicate-dns-label]"));
    }

    #[test]
    fn label_is_free_in_another_location_or_scope() {
        fine(&two("name: one", "name: two, location: northeurope"));
        fine(&two("name: one", "name: two, dns-label-scope: Noreuse"));
    }
}
