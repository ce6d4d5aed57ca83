//! `duplicate-id`: two containers of a group have one name.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Service};

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    for step in &service.steps {
        let Action::Deploy(deploy) = &step.action else { continue };
        let containers = deploy.containers();
        for (at, container) in containers.iter().enumerate() {
            let name = &container.name;
            let before = containers[..at].iter().map(|container| &container.name);
            if let Some(first) = before.into_iter().find(|other| other.source == name.source) {
                let message = format!("two containers are called `{}`", name.source);
                found.push(
                    Diagnostic::error("duplicate-id", message, &name.span)
                        .label("again here")
                        .also(&first.span, "first here"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn the_second_is_pointed_at() {
        let plan = "name: a\nazure: { resource-group: g }\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      \
                    containers: [{ name: x, image: a.io/b:v1 }, { name: x, image: a.io/b:v1 }]\n";
        let drawn = drawn(plan);
        assert!(drawn.starts_with("error[duplicate-id]: two containers are called `x`"), "{drawn}");
        assert_eq!(drawn.matches("error[").count(), 1, "{drawn}");
    }
}
