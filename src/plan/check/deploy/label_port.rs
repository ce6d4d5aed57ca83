//! `label-without-port`: a DNS label is given to a group that has no address.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Aci;

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    let Some(label) = &aci.dns_label else { return };
    if aci.all_ports().next().is_none() {
        let message = "a container group without ports cannot have a DNS label";
        found.push(
            Diagnostic::error("label-without-port", message, &label.span)
                .help("add the port on which it listens, as in `ports: [80]`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn label_needs_a_port_of_any_container() {
        let head = "name: a\nazure: { resource-group: g }\nsteps:\n";
        assert_eq!(
            drawn(&format!(
                "{head}- deploy: {{ image: \"a.io/b:v1\", aci: {{ dns-label: shop-live }} }}\n"
            )),
            "\
error[label-without-port]: a container group without ports cannot have a DNS label
 --> shipway.yml:4:51
  |
4 | - deploy: { image: \"a.io/b:v1\", aci: { dns-label: shop-live } }
  |                                                   ^^^^^^^^^
  |
  = help: add the port on which it listens, as in `ports: [80]`"
        );
        fine(&format!(
            "{head}- deploy:\n    image: a.io/b:v1\n    aci:\n      dns-label: shop-live\n      \
             containers: [{{ name: x, image: \"a.io/b:v1\", ports: [80] }}]\n"
        ));
    }
}
