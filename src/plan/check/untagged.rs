//! `untagged-image`: an image to deploy is named with neither tag nor digest.

use crate::oci::Reference;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Plan};

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
    for step in steps {
        let Action::Deploy(deploy) = &step.action else { continue };
        for image in deploy.images().into_iter().flatten() {
            // What an expression gives is known only when the step runs.
            let Some(Ok(reference)) = image.as_literal().map(str::parse::<Reference>) else {
                continue;
            };
            if reference.tag.is_none() && reference.digest.is_none() {
                let message = format!("`{}` has no tag", image.source);
                found
                    .push(Diagnostic::error("untagged-image", message, &image.span).help(format!(
                    "write a tag, such as `{}:v1`, or a digest; even `latest` has to be written",
                    image.source
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{drawn, fine};

    #[test]
    fn each_container_needs_a_tag() {
        insta::assert_snapshot!(drawn(
            "name: a\nazure: { resource-group: g }\nsteps:\n- deploy:\n    image: demo.azurecr.io:5000/app\n    \
             aci:\n      containers: [{ name: proxy, image: nginx }]\n"
        ));
    }

    #[test]
    fn tag_digest_or_expression_is_enough() {
        for image in [
            "demo.azurecr.io/app:v1",
            "nginx:latest",
            "demo.azurecr.io/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "${{ env.IMAGE }}",
        ] {
            fine(&format!(
                "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy: {{ image: \"{image}\", aci: }}\n"
            ));
        }
    }
}
