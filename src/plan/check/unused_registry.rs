//! `unused-registry`: no image of the plan is in a registry that it lists.

use super::uses::Uses;
use crate::oci::{Reference, is_azure_registry};
use crate::plan::describe::{Exposure, Found, PlanKeys as _, Visit};
use crate::plan::diagnostic::{Diagnostic, closest};
use crate::plan::expr::contexts::Site;
use crate::plan::schema::{Action, BuildKind, Part, Template, Text};
use std::collections::BTreeSet;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let plan = uses.plan;
    let of_environments = plan.environments.iter().flat_map(|(_, one)| one.registries.iter());
    let listed: Vec<_> =
        plan.registries.iter().chain(of_environments).map(|(host, _)| host).collect();
    // What could not be read may have named an image.
    if listed.is_empty() || !uses.are_whole() {
        return;
    }
    let Some(hosts) = image_hosts(uses).filter(|hosts| !hosts.is_empty()) else { return };
    // A host that is listed itself is no misspelling of another one.
    let others = hosts.iter().filter(|host| listed.iter().all(|listed| listed.value != **host));
    let others: Vec<&String> = others.collect();
    // One that stands elsewhere too, such as in a script, may be used there.
    let is_unused = |host: &str| !hosts.contains(host) && uses.text.matches(host).nth(1).is_none();
    for host in listed.iter().filter(|host| is_unused(&host.value)) {
        let near = near_host(&host.value, &others);
        // A Dockerfile may begin with an image of any registry.
        if near.is_none() && has_dockerfile(uses) {
            continue;
        }
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "leave it out, or name an image of it in a step".to_owned(),
        };
        let message = format!("no image of the plan is in the registry `{}`", host.value);
        found.push(Diagnostic::warning("unused-registry", message, &host.span).help(help));
    }
}

/// The host of an image that one is close to. Hosts of Azure are told apart by their first
/// label: the rest is the same in all of them.
fn near_host<'h>(host: &str, others: &[&'h String]) -> Option<&'h String> {
    let is_azure = is_azure_registry(host);
    let name_of = |host: &'h str| if is_azure { first_label(host) } else { host };
    let own = if is_azure { first_label(host) } else { host };
    let alike = others.iter().filter(|other| is_azure_registry(other) == is_azure);
    let near = closest(own, alike.map(|other| name_of(other)))?;
    others.iter().find(|other| name_of(other) == near).copied()
}

fn first_label(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

/// The hosts of all images. `None` where one is known only when an expression is
/// evaluated.
fn image_hosts(uses: &Uses<'_>) -> Option<BTreeSet<String>> {
    let mut hosts = Some(BTreeSet::new());
    let mut see = |Found { template, place }: Found<'_>| {
        let (Template::Text(text), Exposure::IMAGE) = (template, place.exposure) else { return };
        // A tag alone.
        if place.key == "tags" {
            return;
        }
        match (host_of(text), &mut hosts) {
            (Some(host), Some(known)) => known.extend(host),
            (None, hosts) => *hosts = None,
            (Some(_), None) => {}
        }
    };
    uses.plan.visit_keys(&mut Visit::new(Site::Step, &mut see));
    hosts
}

/// The host of an image, if it is one: `None` where an expression gives it.
#[expect(clippy::option_option, reason = "not known, known not to be there, known")]
fn host_of(image: &Text) -> Option<Option<String>> {
    let is_whole = image.as_literal().is_some();
    let start = match image.parts.first() {
        Some(Part::Literal(start)) if !is_whole => start,
        Some(Part::Expression(_)) if !is_whole => return None,
        _ => &*image.source,
    };
    let reference = match start.split_once('/') {
        Some((host, _)) if !is_whole => format!("{host}/repository"),
        None if !is_whole => return None,
        _ => start.to_owned(),
    };
    Some(reference.parse::<Reference>().ok().map(|reference| reference.host))
}

fn has_dockerfile(uses: &Uses<'_>) -> bool {
    let mut steps = uses.plan.services.iter().flat_map(|(_, service)| &service.steps);
    steps.any(|step| match &step.action {
        Action::Build(build) => matches!(build.kind, BuildKind::Dockerfile(_)),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    const TWO: &str = "registries: { shop.azurecr.io: {}, old.example.io: {} }";

    #[test]
    fn registry_of_no_image_is_a_warning() {
        assert_eq!(
            drawn(&format!(
                "name: a\n{TWO}\nsteps: [{{ build: {{ layers: [] }} }}, {{ tag: shop.azurecr.io/a:v1 }}, {{ push: }}]\n"
            )),
            "\
warning[unused-registry]: no image of the plan is in the registry `old.example.io`
 --> shipway.yml:2:36
  |
2 | registries: { shop.azurecr.io: {}, old.example.io: {} }
  |                                    ^^^^^^^^^^^^^^
  |
  = help: leave it out, or name an image of it in a step"
        );
    }

    #[test]
    fn misspelled_registry_is_a_warning_beside_a_dockerfile_too() {
        assert_eq!(
            drawn(
                "name: a\nregistries: { storefrnt.azurecr.io: {} }\n\
                 steps: [{ build: . }, { tag: storefront.azurecr.io/a:v1 }, { push: }]\n"
            ),
            "\
warning[unused-registry]: no image of the plan is in the registry `storefrnt.azurecr.io`
 --> shipway.yml:2:15
  |
2 | registries: { storefrnt.azurecr.io: {} }
  |               ^^^^^^^^^^^^^^^^^^^^
  |
  = help: did you mean `storefront.azurecr.io`?"
        );
    }

    #[test]
    fn registries_that_may_be_used_are_fine() {
        // A Dockerfile may begin with an image of another registry.
        let dockerfile = "[{ build: . }, { tag: shop.azurecr.io/a:v1 }, { push: }]";
        let by_variable =
            "[{ build: { layers: [] } }, { tag: \"${{ vars.host }}/a:v1\" }, { push: }]";
        let by_tag = "[{ build: { layers: [] } }, { tag: { image: shop.azurecr.io/a, tags: [\"${{ git.sha }}\"] } }, { push: }, \
                      { deploy: { image: \"old.example.io/a:${{ git.sha }}\", aci: } }]";
        let by_script = "[{ build: { layers: [] } }, { tag: shop.azurecr.io/a:v1 }, { push: }, \
                         { run: docker push old.example.io/a }]";
        for steps in [dockerfile, by_variable, by_tag, by_script] {
            fine(&format!(
                "name: a\nazure: {{ resource-group: g }}\nvars: {{ host: a.io }}\n{TWO}\nsteps: {steps}\n"
            ));
        }
    }
}
