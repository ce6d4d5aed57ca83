//! `no-azure-registry`: `using: acr` builds in a registry that no `tag` names.

use crate::oci::is_azure_registry;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, BuildKind, Plan, Step};

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    for (name, service) in plan.services.iter() {
        for (place, step) in service.steps.iter().enumerate() {
            let Action::Build(build) = &step.action else { continue };
            let BuildKind::Dockerfile(dockerfile) = &build.kind else { continue };
            let using = &dockerfile.using.text;
            if using.as_literal() == Some("acr") && names_none(&service.steps[place + 1..]) {
                let message = format!(
                    "`using: acr` builds in an Azure registry, and no `tag` of `{}` names one",
                    name.value
                );
                found.push(
                    Diagnostic::error("no-azure-registry", message, &using.span)
                        .help("tag the image for one, such as `NAME.azurecr.io/web:v1`, or let `using: auto` find an engine"),
                );
            }
        }
    }
}

/// Whether it is certain that the image gets no name in an Azure registry.
fn names_none(later: &[Step]) -> bool {
    let own = later.iter().take_while(|step| !matches!(step.action, Action::Build(_)));
    let tags = own.filter_map(|step| match &step.action {
        Action::Tag(tag) => Some(tag),
        Action::Build(_)
        | Action::Push(_)
        | Action::Deploy(_)
        | Action::Verify(_)
        | Action::Run(_) => None,
    });
    // What an expression gives is known only when the step runs.
    let mut images = tags.flat_map(|tag| &tag.targets).map(|target| &*target.image.source);
    images.all(|image| {
        let host = image.split('/').next().unwrap_or_default();
        !host.contains("${{") && !is_azure_registry(host)
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn a_build_in_a_registry_needs_its_name() {
        let plan = "name: a\nsteps:\n- build: { using: acr }\n- tag: ghcr.io/a/b:v1\n- push:\n";
        assert_eq!(
            drawn(plan),
            "\
error[no-azure-registry]: `using: acr` builds in an Azure registry, and no `tag` of `a` names one
 --> shipway.yml:3:19
  |
3 | - build: { using: acr }
  |                   ^^^
  |
  = help: tag the image for one, such as `NAME.azurecr.io/web:v1`, or let `using: auto` find an engine"
        );
        let of_the_next = "name: a\nsteps:\n- build: { using: acr }\n- build: { using: native }\n- tag: demo.azurecr.io/b:v1\n- push:\n";
        assert!(drawn(of_the_next).contains("no-azure-registry"));
    }

    #[test]
    fn any_tag_may_name_it() {
        for image in
            ["demo.azurecr.io/b:v1", "demo.azurecr.cn/b:${{ git.sha }}", "${{ env.R }}/b:v1"]
        {
            fine(&format!(
                "name: a\nsteps:\n- build: {{ using: acr }}\n- tag: ghcr.io/a/b:v1\n- tag: \"{image}\"\n- push:\n"
            ));
        }
        fine("name: a\nsteps:\n- build: { using: native }\n- tag: ghcr.io/a/b:v1\n- push:\n");
    }
}
