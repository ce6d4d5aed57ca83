//! Rules of apps. `size-out-of-range`: an app asks for cores that Container Apps do not
//! have. `conflicting-keys`: a `verify` waits for the end of an app, which goes on for ever;
//! a preview is to be a revision of an app without ingress, where it has no address.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::Literal as _;
use crate::plan::schema::{Action, ContainerApp, MAX_APP_CPU, Plan, Service};

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    for (_, service) in plan.services.iter() {
        end(service, found);
        for step in &service.steps {
            if let Action::Deploy(deploy) = &step.action
                && let Some(app) = deploy.container_app()
            {
                cores(app, found);
                preview(app, found);
            }
        }
    }
}

fn cores(app: &ContainerApp, found: &mut Vec<Diagnostic>) {
    let text = &app.cpu.text;
    let Some(cores) = text.as_literal().and_then(|text| f64::parse(text).ok()) else { return };
    if are_app_cores(cores) {
        return;
    }
    let message = format!("an app cannot have {cores} cores");
    found.push(
        Diagnostic::error("size-out-of-range", message, &text.span)
            .help(format!("Container Apps have 0.25 to {MAX_APP_CPU} cores, in steps of 0.25")),
    );
}

fn preview(app: &ContainerApp, found: &mut Vec<Diagnostic>) {
    let Some(preview) = app.preview.as_ref().filter(|_| app.ingress.is_none()) else { return };
    if preview.text.as_literal() != Some("revision") {
        return;
    }
    let message = "a preview that is a revision has no address without `ingress`";
    found.push(
        Diagnostic::error("conflicting-keys", message, &preview.text.span)
            .help("give the app `ingress: { target-port: … }`, or leave `preview` out"),
    );
}

/// Whether Container Apps have a replica with that many cores.
pub fn are_app_cores(cores: f64) -> bool {
    let quarters = cores * 4.0;
    cores > 0.0 && cores <= MAX_APP_CPU && (quarters - quarters.round()).abs() < 1e-9
}

fn end(service: &Service, found: &mut Vec<Diagnostic>) {
    let mut last = None;
    for step in &service.steps {
        match &step.action {
            Action::Deploy(deploy) => last = Some((step, deploy)),
            Action::Verify(verify) if verify.waits_for_end() => {
                let Some((deployed, deploy)) = last else { continue };
                if deploy.container_app().is_none() {
                    continue;
                }
                found.push(
                    Diagnostic::error(
                        "conflicting-keys",
                        "an app is started again whenever it ends",
                        &verify.span,
                    )
                    .also(&deployed.span, "deployed here")
                    .help("a job that runs to its end is a container group: deploy it with `aci`"),
                );
            }
            Action::Build(_)
            | Action::Tag(_)
            | Action::Push(_)
            | Action::Verify(_)
            | Action::Run(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(app: &str, verify: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    \
             container-app: {{ environment: e, {app} }}\n{verify}"
        )
    }

    #[test]
    fn cores_are_quarters_up_to_four() {
        for cpu in ["0.25", "0.5", "1.75", "4"] {
            fine(&plan(&format!("cpu: {cpu}"), ""));
        }
        assert_eq!(
            drawn(&plan("cpu: 0.3", "")),
            "\
error[size-out-of-range]: an app cannot have 0.3 cores
 --> shipway.yml:6:43
  |
6 |     container-app: { environment: e, cpu: 0.3 }
  |                                           ^^^
  |
  = help: Container Apps have 0.25 to 4 cores, in steps of 0.25"
        );
        assert!(drawn(&plan("cpu: 4.25", "")).contains("an app cannot have 4.25 cores"));
    }

    #[test]
    fn end_of_an_app_is_not_waited_for() {
        let said = drawn(&plan("cpu: 1", "- verify: { exit: 0 }\n"));
        assert!(said.contains("an app is started again whenever it ends"), "{said}");
    }

    #[test]
    fn app_without_ingress_has_no_address_to_verify() {
        let said = drawn(&plan("cpu: 1", "- verify: /\n"));
        assert!(said.contains("the deployed app has no port that could be asked"), "{said}");
        assert!(said.contains("as in `ingress: { target-port: 80 }`"), "{said}");
        fine(&plan("ingress: { target-port: 80 }", "- verify: /\n"));
    }

    #[test]
    fn preview_that_is_a_revision_has_ingress() {
        fine(&plan("preview: revision, ingress: { target-port: 80 }", ""));
        fine(&plan("preview: app", ""));
        assert_eq!(
            drawn(&plan("preview: revision", "")),
            "\
error[conflicting-keys]: a preview that is a revision has no address without `ingress`
 --> shipway.yml:6:47
  |
6 |     container-app: { environment: e, preview: revision }
  |                                               ^^^^^^^^
  |
  = help: give the app `ingress: { target-port: … }`, or leave `preview` out"
        );
    }

    #[test]
    fn step_deploys_to_one_target() {
        let both = "name: a\nazure: { resource-group: g }\nsteps:\n- deploy:\n    image: a.io/b:v1\n    \
                    aci: { ports: [80] }\n    container-app: { environment: e }\n";
        let said = drawn(both);
        assert!(said.contains("a step deploys to one of them"), "{said}");
    }
}
