//! `conflicting-keys`: an address is asked for that the group cannot have.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Aci, Field};
use crate::value::IpKind;

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    let said = aci.ip.as_ref().map(|field| &field.text);
    let kind = aci.ip.as_ref().and_then(Field::as_literal);
    match (said.zip(kind), &aci.subnet) {
        (Some((ip, IpKind::Private)), None) => {
            let message = "a private address needs a subnet that it is in";
            found.push(
                Diagnostic::error("conflicting-keys", message, &ip.span)
                    .help("name it, as in `subnet: NETWORK/SUBNET`"),
            );
        }
        (Some((ip, IpKind::Public)), Some(subnet)) => {
            let message = "a container group in a subnet cannot have a public address";
            found.push(
                Diagnostic::error("conflicting-keys", message, &ip.span)
                    .also(&subnet.span, "the subnet is here")
                    .help("leave `ip` out, and reach it from the network, or by a gateway in it"),
            );
        }
        _ => {}
    }
    let is_public = kind.map_or(aci.subnet.is_none(), |kind| kind == IpKind::Public);
    if let (Some(label), false) = (&aci.dns_label, is_public) {
        let message = "a container group without a public address cannot have a DNS label";
        found.push(
            Diagnostic::error("conflicting-keys", message, &label.span)
                .help("leave it out: `name` names the group"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(aci: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      {aci}\n"
        )
    }

    #[test]
    fn address_that_the_group_cannot_have_is_refused() {
        assert_eq!(
            drawn(&plan("ports: [80]\n      ip: private")),
            "\
error[conflicting-keys]: a private address needs a subnet that it is in
 --> shipway.yml:8:11
  |
8 |       ip: private
  |           ^^^^^^^
  |
  = help: name it, as in `subnet: NETWORK/SUBNET`"
        );
        assert_eq!(
            drawn(&plan("ports: [80]\n      ip: public\n      subnet: net/apps")),
            "\
error[conflicting-keys]: a container group in a subnet cannot have a public address
 --> shipway.yml:8:11
  |
8 |       ip: public
  |           ^^^^^^
9 |       subnet: net/apps
  |               -------- the subnet is here
  |
  = help: leave `ip` out, and reach it from the network, or by a gateway in it"
        );
        assert_eq!(
            drawn(&plan("ports: [80]\n      dns-label: shop-live\n      subnet: net/apps")),
            "\
error[conflicting-keys]: a container group without a public address cannot have a DNS label
 --> shipway.yml:8:18
  |
8 |       dns-label: shop-live
  |                  ^^^^^^^^^
  |
  = help: leave it out: `name` names the group"
        );
    }

    #[test]
    fn address_in_a_subnet_or_none_is_accepted() {
        fine(&plan("ports: [80]\n      subnet: net/apps"));
        fine(&plan("ports: [80]\n      ip: private\n      subnet: net/apps"));
        fine(&plan("ip: none"));
        fine(&plan("ports: [80]\n      ip: ${{ env.IP }}\n      dns-label: shop-live"));
    }
}
