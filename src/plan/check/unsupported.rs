//! `not-yet-supported`: a word that is kept for what is still to come.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, BuildKind, Plan};

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    for step in plan.services.iter().flat_map(|(_, service)| &service.steps) {
        let Action::Build(build) = &step.action else { continue };
        let BuildKind::Dockerfile(dockerfile) = &build.kind else { continue };
        let using = &dockerfile.using.text;
        if using.as_literal() == Some("acr") {
            let message = "`using: acr` is not supported yet";
            found.push(
                Diagnostic::error("not-yet-supported", message, &using.span)
                    .help("leave `using` out, or name docker, podman, buildah or native"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn acr_tasks_build_nothing_yet() {
        assert_eq!(
            drawn("name: a\nsteps: [{ build: { using: acr } }]\n"),
            "\
error[not-yet-supported]: `using: acr` is not supported yet
 --> shipway.yml:2:27
  |
2 | steps: [{ build: { using: acr } }]
  |                           ^^^
  |
  = help: leave `using` out, or name docker, podman, buildah or native"
        );
        fine("name: a\nsteps: [{ build: { using: native } }]\n");
    }
}
