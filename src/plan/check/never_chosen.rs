//! `never-chosen`: an environment that no event can choose by its `if`.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::can_hold;
use crate::plan::schema::{Condition, Environment, PROTECTED_EVENTS, Plan};
use crate::plan::span::Spanned;

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let mut taken: Option<&Spanned<String>> = None;
    for (name, environment) in plan.environments.iter() {
        let Some(condition) = &environment.condition else {
            taken = taken.or(Some(name));
            continue;
        };
        if let Some(earlier) = taken {
            found.push(shadowed(&name.value, condition, earlier));
        } else if is_never_chosen(environment, condition) {
            found.push(protected(&name.value, condition));
        }
    }
}

fn is_never_chosen(environment: &Environment, condition: &Condition) -> bool {
    // An expression may be false.
    environment.protected.text.as_literal() == Some("true")
        && !PROTECTED_EVENTS.iter().any(|event| can_hold(&condition.source, event))
}

fn protected(name: &str, condition: &Condition) -> Diagnostic {
    let message = format!("no event can choose the protected environment `{name}`");
    let help = format!(
        "its `if` counts on `{}` alone; `--env {name}` chooses it by hand",
        PROTECTED_EVENTS.join("`, `")
    );
    Diagnostic::warning("never-chosen", message, &condition.span).help(help)
}

fn shadowed(name: &str, condition: &Condition, earlier: &Spanned<String>) -> Diagnostic {
    let earlier = &earlier.value;
    let message = format!("no event can choose the environment `{name}`");
    let help = format!(
        "`{earlier}` stands before it and has no `if`, so it always matches; move `{earlier}` to the end"
    );
    Diagnostic::warning("never-chosen", message, &condition.span).help(help)
}

#[cfg(test)]
mod tests {
    use super::super::{drawn, fine};

    fn plan(condition: &str, protected: &str) -> String {
        format!(
            "name: a\nenvironments:\n  production:\n    if: {condition}\n    protected: {protected}\nsteps: [{{ run: x }}]\n"
        )
    }

    #[test]
    fn protected_environment_of_an_untrusted_event_is_pointed_at() {
        let scheduled = "github.event_name == 'schedule'";
        assert_eq!(
            drawn(&plan(scheduled, "true")),
            "\
warning[never-chosen]: no event can choose the protected environment `production`
 --> shipway.yml:4:9
  |
4 |     if: github.event_name == 'schedule'
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: its `if` counts on `push`, `release`, `workflow_dispatch` alone; `--env production` chooses it by hand"
        );
        fine(&plan(scheduled, "false"));
        fine(&plan("github.ref == 'refs/heads/main'", "true"));
        fine(&plan("github.event_name != 'schedule'", "true"));
    }

    #[test]
    fn environment_after_one_without_condition_is_pointed_at() {
        let [first, last] = ["  preview: { if: github.event_name == 'push' }\n", "  staging: {}\n"];
        let plan = |environments: [&str; 2]| {
            let environments = environments.concat();
            format!("name: a\nenvironments:\n{environments}steps: [{{ run: x }}]\n")
        };
        assert_eq!(
            drawn(&plan([last, first])),
            "\
warning[never-chosen]: no event can choose the environment `preview`
 --> shipway.yml:4:18
  |
4 |   preview: { if: github.event_name == 'push' }
  |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: `staging` stands before it and has no `if`, so it always matches; move `staging` to the end"
        );
        fine(&plan([first, last]));
    }
}
