//! `verify-without-port`: a `verify` asks a deployed group that has no address.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Service};

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    let mut last = None;
    for step in &service.steps {
        match &step.action {
            // The file of a job is not asked; what was deployed before it is.
            Action::Deploy(deploy) if !deploy.is_to_azure() => {}
            Action::Deploy(deploy) => {
                // A later deploy without ports may be left out by its `if`.
                if deploy.has_ports() {
                    return;
                }
                last = Some((step, deploy));
            }
            Action::Verify(verify) if verify.needs_deployed() && !verify.waits_for_end() => {
                let Some((deployed, deploy)) = last else { continue };
                let message =
                    format!("the deployed {} has no port that could be asked", deploy.resource());
                found.push(
                    Diagnostic::error("verify-without-port", message, &verify.span)
                        .also(&deployed.span, "deployed here")
                        .help(deploy.port_help()),
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

    const HEAD: &str = "name: a\nazure: { resource-group: g }\nsteps:\n";

    #[test]
    fn path_needs_a_port() {
        insta::assert_snapshot!(drawn(&format!(
            "{HEAD}- deploy: {{ image: \"a.io/b:v1\", aci: {{ name: quiet }} }}\n- verify: /x\n"
        )));
    }

    #[test]
    fn whole_url_needs_no_port() {
        fine(&format!(
            "{HEAD}- deploy: {{ image: \"a.io/b:v1\", aci: {{ name: quiet }} }}\n- verify: https://example.com/\n"
        ));
    }
}
