//! `conflicting-keys`: a spot or a confidential group with what Azure does not give it.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Aci, Field};
use crate::value::{GroupSku, IpKind, Priority};

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    if aci.priority.as_literal() == Some(Priority::Spot) {
        spot(aci, found);
    }
    if let (Some(policy), Some(GroupSku::Standard | GroupSku::Dedicated)) =
        (&aci.cce_policy, aci.sku.as_literal())
    {
        let message = "`cce-policy` is for confidential container groups";
        found.push(
            Diagnostic::error("conflicting-keys", message, &policy.span)
                .help("add `sku: confidential`"),
        );
    }
}

/// "Error codes for Spot container creation in Azure Container Instances".
fn spot(aci: &Aci, found: &mut Vec<Diagnostic>) {
    let mut conflict = |what: &str, span, help: &str| {
        let message = format!("a container group of priority `spot` cannot have {what}");
        found.push(
            Diagnostic::error("conflicting-keys", message, span)
                .also(&aci.priority.text.span, "the priority is here")
                .help(help),
        );
    };
    let has_address = aci.ip.as_ref().and_then(Field::as_literal) != Some(IpKind::None);
    if let (Some(port), true) = (aci.all_ports().next(), has_address) {
        conflict("ports", &port.span, "it takes no requests: leave out `ports`, or the priority");
    }
    if let Some(subnet) = &aci.subnet {
        conflict("a subnet", &subnet.span, "leave out `subnet`, or the priority");
    }
    if let Some(GroupSku::Dedicated | GroupSku::Confidential) = aci.sku.as_literal() {
        conflict("another `sku` than `standard`", &aci.sku.text.span, "leave out one of both");
    }
    if let Some(gpu) = aci.all_settings().find_map(|settings| settings.gpu.as_ref()) {
        conflict("graphics processors", &gpu.count.text.span, "leave out `gpu`, or the priority");
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
    fn what_a_spot_group_cannot_have_is_refused() {
        assert_eq!(
            drawn(&plan("priority: spot\n      ports: [80]\n      sku: confidential")),
            "\
error[conflicting-keys]: a container group of priority `spot` cannot have ports
 --> shipway.yml:8:15
  |
7 |       priority: spot
  |                 ---- the priority is here
8 |       ports: [80]
  |               ^^
  |
  = help: it takes no requests: leave out `ports`, or the priority

error[conflicting-keys]: a container group of priority `spot` cannot have another `sku` than `standard`
 --> shipway.yml:9:12
  |
7 |       priority: spot
  |                 ---- the priority is here
8 |       ports: [80]
9 |       sku: confidential
  |            ^^^^^^^^^^^^
  |
  = help: leave out one of both"
        );
        fine(&plan("priority: spot"));
    }

    #[test]
    fn policy_needs_a_confidential_group() {
        assert_eq!(
            drawn(&plan("cce-policy: cGFja2FnZQ==")),
            "\
error[conflicting-keys]: `cce-policy` is for confidential container groups
 --> shipway.yml:7:19
  |
7 |       cce-policy: cGFja2FnZQ==
  |                   ^^^^^^^^^^^^
  |
  = help: add `sku: confidential`"
        );
        fine(&plan("sku: confidential\n      cce-policy: cGFja2FnZQ=="));
    }
}
