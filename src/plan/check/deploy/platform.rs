//! `wrong-platform`: an image is built for a platform that its target does not run.

use crate::oci::Platform;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Build, Deploy, Service};

/// Steps with an `if` may exclude each other, and are left to the run.
pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    let mut built: Option<&Build> = None;
    for step in service.steps.iter().filter(|step| step.condition.is_none()) {
        match &step.action {
            Action::Build(build) => built = Some(build),
            Action::Deploy(deploy) if deploy.images().contains(&None) => {
                found.extend(built.take().and_then(|build| report(build, deploy)));
            }
            _ => {}
        }
    }
}

fn report(build: &Build, deploy: &Deploy) -> Option<Diagnostic> {
    let texts = build.platforms();
    let first = *texts.first()?;
    let wanted = Platform::default();
    let mut names = Vec::new();
    for text in &texts {
        let name = text.as_literal()?;
        let platform: Platform = name.parse().ok()?;
        if wanted.takes(&platform) {
            return None;
        }
        names.push(format!("`{name}`"));
    }
    let message = format!("{} do not run an image for {}", deploy.runs_on(), names.join(", "));
    Some(
        Diagnostic::error("wrong-platform", message, &first.span)
            .label(format!("they run `{wanted}` alone"))
            .help(format!("write `platform: {wanted}`, or add it to `platforms`")),
    )
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(build: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- build: {{ {build} }}\n- tag: a.io/b:v1\n- push:\n- deploy: {{ aci: }}\n"
        )
    }

    #[test]
    fn image_for_another_platform_is_refused_before_it_is_built() {
        assert_eq!(
            drawn(&plan("context: ., platform: linux/arm64")),
            "\
error[wrong-platform]: Container Instances do not run an image for `linux/arm64`
 --> shipway.yml:4:34
  |
4 | - build: { context: ., platform: linux/arm64 }
  |                                  ^^^^^^^^^^^ they run `linux/amd64` alone
  |
  = help: write `platform: linux/amd64`, or add it to `platforms`"
        );
        let several = drawn(&plan("context: ., platforms: [linux/arm64, windows/amd64]"));
        assert!(several.contains("for `linux/arm64`, `windows/amd64`\n"), "{several}");
    }

    #[test]
    fn index_with_the_platform_and_what_only_a_run_knows_are_accepted() {
        fine(&plan("context: ., platforms: [linux/arm64, linux/amd64]"));
        fine(&plan("context: ., platform: \"${{ env.PLATFORM }}\""));
        fine(&plan("context: ."));
    }
}
