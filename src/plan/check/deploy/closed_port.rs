//! `verify-closed-port`: a `verify` asks a port that the deployed group does not open.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Aci, Action, Deploy, Probe, Service, Step, Text};
use crate::value::{Port, Protocol};

/// A port that no deploy before a `verify` opens.
pub struct ClosedPort<'p> {
    pub port: u16,
    /// The text that names it.
    pub text: &'p Text,
    /// The last deploy before the `verify`.
    pub deploy: &'p Step,
    /// The ports that it opens, as the plan spells them.
    pub open: Vec<String>,
}

impl ClosedPort<'_> {
    pub fn message(&self) -> String {
        format!("`{}` is not a public port of the deployed container group", self.port)
    }

    pub fn help(&self) -> String {
        let open: Vec<String> = self.open.iter().map(|port| format!("`{port}`")).collect();
        format!("ask one of its ports, {}, or add `{}` to `ports`", open.join(", "), self.port)
    }
}

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    let literal = |text: &Text| text.as_literal().map(str::to_owned);
    for place in 0..service.steps.len() {
        if let Some(closed) = closed_port(service, place, &literal) {
            found.push(
                Diagnostic::error("verify-closed-port", closed.message(), &closed.text.span)
                    .also(&closed.deploy.span, "deployed here")
                    .help(closed.help()),
            );
        }
    }
}

/// The port that the `verify` at this place asks, if no deploy that may be the last before it
/// opens that. `value` gives the value of a text as far as it is known: where one is missing,
/// nothing is said.
pub fn closed_port<'p>(
    service: &'p Service,
    place: usize,
    value: &dyn Fn(&Text) -> Option<String>,
) -> Option<ClosedPort<'p>> {
    let Action::Verify(verify) = &service.steps[place].action else { return None };
    let Probe::Tcp(text) = &verify.probe else { return None };
    let port = value(text)?.parse().ok()?;
    let mut last = None;
    for step in service.steps[..place].iter().rev() {
        let Action::Deploy(deploy) = &step.action else { continue };
        let open = ports(deploy, value)?;
        let opens = |spelled: &String| spelled.parse() == Ok(tcp(port));
        // One without any port is reported by its own rule.
        if open.is_empty() || open.iter().any(opens) {
            return None;
        }
        last.get_or_insert(ClosedPort { port, text, deploy: step, open });
        // One with an `if` may be left out, and what was deployed before it is asked.
        if step.condition.is_none() {
            return last;
        }
    }
    last
}

fn tcp(number: u16) -> Port {
    Port { number, protocol: Protocol::Tcp }
}

fn ports(deploy: &Deploy, value: &dyn Fn(&Text) -> Option<String>) -> Option<Vec<String>> {
    deploy.aci().flat_map(Aci::all_ports).map(value).collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    const HEAD: &str = "name: a\nazure: { resource-group: g, location: westeurope }\nsteps:\n";

    fn plan(ports: &str, tcp: &str) -> String {
        let deploy = format!("aci: {{ name: a, ports: {ports} }}");
        format!(
            "{HEAD}- deploy: {{ image: \"a.io/b:v1\", {deploy} }}\n- verify: {{ tcp: {tcp} }}\n"
        )
    }

    #[test]
    fn port_that_the_group_does_not_open_is_pointed_at() {
        assert_eq!(
            drawn(&plan("[80, 53/udp]", "53")),
            "\
error[verify-closed-port]: `53` is not a public port of the deployed container group
 --> shipway.yml:5:18
  |
4 | - deploy: { image: \"a.io/b:v1\", aci: { name: a, ports: [80, 53/udp] } }
  |   --------------------------------------------------------------------- deployed here
5 | - verify: { tcp: 53 }
  |                  ^^
  |
  = help: ask one of its ports, `80`, `53/udp`, or add `53` to `ports`"
        );
    }

    #[test]
    fn port_that_is_open_or_not_known_is_fine() {
        fine(&plan("[80, 9000/tcp]", "9000"));
        fine(&plan("[80, \"${{ git.branch }}\"]", "9000"));
        fine(&plan("[80]", "example.com:9000"));
        let first = "- { deploy: { image: \"a.io/b:v1\", aci: { name: b, ports: [9000] } } }\n";
        let second = "- { if: git.branch == 'x', deploy: { image: \"a.io/b:v1\", aci: { name: c, ports: [80] } } }\n";
        fine(&format!("{HEAD}{first}{second}- verify: {{ tcp: 9000 }}\n"));
    }
}
