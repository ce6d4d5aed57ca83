//! `never-verified`: nothing asks what a deploy deploys, although the service has checks.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::Service;

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    // Without any `verify`, the plan does not ask for more than that the service runs.
    let Some((last_check, _)) = service.checks().next_back() else { return };
    for (place, id) in service.deploys() {
        // One that may be left out does not stand between a deploy and its check.
        let next = service
            .deploys()
            .find(|(later, _)| *later > place && service.steps[*later].condition.is_none());
        let is_last = |check: usize| next.is_none_or(|(later, _)| check < later);
        let mut later = service.checks().filter(|(check, _)| *check > place);
        if later.any(|(check, asked)| asked.may_be_of(id, is_last(check))) {
            continue;
        }
        let message = format!("no `verify` asks what `{id}` deploys");
        let span = &service.steps[place].span;
        found.push(
            Diagnostic::warning("never-verified", message, span)
                .also(&service.steps[last_check].span, "the last `verify` of the service")
                .help("put a `verify` after it, and before the next deploy"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(steps: &str) -> String {
        format!("name: a\nazure: {{ resource-group: g }}\nsteps:\n{steps}")
    }

    fn deploy(id: &str) -> String {
        format!(
            "- {{ id: {id}, deploy: {{ image: \"a.io/b:v1\", aci: {{ name: {id}, ports: [80] }} }} }}\n"
        )
    }

    #[test]
    fn deploy_after_the_last_check_is_pointed_at() {
        assert_eq!(
            drawn(&plan(&format!("{}- verify: /\n{}", deploy("blue"), deploy("green")))),
            "\
warning[never-verified]: no `verify` asks what `green` deploys
 --> shipway.yml:6:3
  |
5 | - verify: /
  |   --------- the last `verify` of the service
6 | - { id: green, deploy: { image: \"a.io/b:v1\", aci: { name: green, ports: [80] } } }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: put a `verify` after it, and before the next deploy"
        );
    }

    #[test]
    fn deploy_that_a_check_may_ask_is_fine() {
        let (blue, green) = (deploy("blue"), deploy("green"));
        fine(&plan(&blue));
        fine(&plan(&format!("{blue}- verify: /\n{green}- verify: /\n")));
        let named = |id: &str| format!("- verify: \"${{{{ steps.{id}.outputs.url }}}}/\"\n");
        fine(&plan(&format!("{blue}{green}{}- verify: /\n", named("blue"))));
        fine(&plan(&format!("{blue}{green}- verify: https://a.example/\n- verify: /\n")));
        let some = green.replace("- {", "- { if: git.branch == 'main',");
        fine(&plan(&format!("{blue}{some}- verify: /\n")));
    }
}
