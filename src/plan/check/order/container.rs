//! `duplicate-id`: two containers of a group have one name.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Service};

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    for step in &service.steps {
        let Action::Deploy(deploy) = &step.action else { continue };
        let further = deploy.containers().iter().map(|container| &container.name);
        let init = deploy.init_containers().iter().map(|container| &container.name);
        let first = deploy.aci().filter_map(|aci| aci.container_name.as_ref());
        let names: Vec<_> = first.chain(further).chain(init).collect();
        for (at, name) in names.iter().enumerate() {
            if let Some(first) = names[..at].iter().find(|other| other.source == name.source) {
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
