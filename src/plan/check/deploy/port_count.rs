//! `too-many-ports`: a container group has more ports than Azure allows.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Aci;
use crate::value::MAX_GROUP_PORTS;

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    let count = aci.all_ports().count();
    if let Some(port) = aci.all_ports().nth(MAX_GROUP_PORTS) {
        let message = format!("a container group has {MAX_GROUP_PORTS} ports at most, not {count}");
        found.push(
            Diagnostic::error("too-many-ports", message, &port.span)
                .label("one too many")
                .help("the ports of all its containers count"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(ports: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      \
             ports: [1, 2, 3]\n      containers: [{{ name: x, image: \"a.io/b:v1\", ports: {ports} }}]\n"
        )
    }

    #[test]
    fn sixth_port_of_a_group_is_refused() {
        assert_eq!(
            drawn(&plan("[4, 5, 6, 7]")),
            "\
error[too-many-ports]: a container group has 5 ports at most, not 7
 --> shipway.yml:8:65
  |
8 |       containers: [{ name: x, image: \"a.io/b:v1\", ports: [4, 5, 6, 7] }]
  |                                                                 ^ one too many
  |
  = help: the ports of all its containers count"
        );
        fine(&plan("[4, 5]"));
    }
}
