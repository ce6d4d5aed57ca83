//! `duplicate-port`: a container group has one port twice.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Aci;
use crate::value::Port;
use std::collections::HashMap;

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    let mut seen = HashMap::new();
    for text in aci.all_ports() {
        let Some(Ok(port)) = text.as_literal().map(str::parse::<Port>) else { continue };
        let Some(first) = seen.insert(port, text) else { continue };
        let message = format!("the port `{}` is given twice", text.source);
        found.push(
            Diagnostic::error("duplicate-port", message, &text.span)
                .label("again here")
                .also(&first.span, "first here")
                .help("the containers of a group share one address: each needs its own ports"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(first: &str, second: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      \
             ports: {first}\n      containers: [{{ name: x, image: \"a.io/b:v1\", ports: {second} }}]\n"
        )
    }

    #[test]
    fn port_of_the_same_or_another_container_is_refused() {
        insta::assert_snapshot!(drawn(&plan("[80, 80]", "[81]")));
        insta::assert_snapshot!(drawn(&plan("[80]", "[81, 80/TCP]")));
    }

    #[test]
    fn other_protocol_is_another_port() {
        fine(&plan("[53]", "[53/udp]"));
    }
}
