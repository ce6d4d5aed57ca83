//! `too-many-tags`: a container group has more tags than Azure allows.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Aci;
use crate::value::{MAX_OWN_TAGS, MAX_TAGS};

const MAX_PLAN_TAGS: usize = MAX_TAGS - MAX_OWN_TAGS;

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    let count = aci.tags.len();
    if let Some((name, _)) = aci.tags.iter().nth(MAX_PLAN_TAGS) {
        let message =
            format!("a container group takes {MAX_PLAN_TAGS} tags of a plan, not {count}");
        found.push(
            Diagnostic::error("too-many-tags", message, &name.span)
                .label("one too many")
                .help(format!("Azure allows {MAX_TAGS}, and Shipway keeps {MAX_OWN_TAGS} of them")),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(tags: usize) -> String {
        let tags: Vec<String> = (0..tags).map(|number| format!("t{number}: x")).collect();
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      tags:\n        {}\n",
            tags.join("\n        ")
        )
    }

    #[test]
    fn tags_leave_room_for_those_of_shipway() {
        assert_eq!(
            drawn(&plan(29)),
            "\
error[too-many-tags]: a container group takes 26 tags of a plan, not 29
  --> shipway.yml:34:9
   |
34 |         t26: x
   |         ^^^ one too many
   |
   = help: Azure allows 50, and Shipway keeps 24 of them"
        );
        fine(&plan(26));
    }
}
