//! `unknown-secret`: a secret that the plan does not declare.

use crate::plan::check::uses::{Use, Uses, is_conditional, member};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::ContextRef;
use crate::plan::schema::Plan;
use std::collections::HashSet;

/// The secrets that are declared.
pub(super) struct Known<'p> {
    plan: &'p Plan,
    spelled: Vec<&'p str>,
    lower: HashSet<String>,
    /// Those that only environments declare, in lower case.
    of_environments: HashSet<String>,
}

impl<'p> Known<'p> {
    pub(super) fn of(uses: &Uses<'p>) -> Self {
        let declared = uses.plan.all_secrets();
        let spelled: Vec<&str> = declared.map(|(name, _)| name.value.as_str()).collect();
        let lower: HashSet<_> = spelled.iter().map(|name| name.to_ascii_lowercase()).collect();
        let mut of_environments = lower.clone();
        for name in uses.plan.secrets.keys() {
            of_environments.remove(&name.to_ascii_lowercase());
        }
        Self { plan: uses.plan, spelled, lower, of_environments }
    }

    pub(super) fn check(&self, one: &Use<'_>, reference: &ContextRef, found: &mut Vec<Diagnostic>) {
        let Some(name) = member(reference, "secrets") else { return };
        let lower = name.to_ascii_lowercase();
        if self.lower.contains(&lower) {
            if self.of_environments.contains(&lower) {
                found.extend(self.undeclared_somewhere(one, reference, name));
            }
            return;
        }
        let message = format!("no secret is called `{name}`");
        let diagnostic = Diagnostic::error("unknown-secret", message, &one.span(&reference.span))
            .suggest(name, self.spelled.iter().copied());
        let declare = format!("declare it: `secrets: {{ {name}: {{ env: {} }} }}`", variable(name));
        found.push(if diagnostic.help.is_none() { diagnostic.help(declare) } else { diagnostic });
    }

    /// Reports a secret that some environment declares, and another one that uses it does
    /// not. What a step with an `if` uses may be left out there.
    fn undeclared_somewhere(
        &self,
        one: &Use<'_>,
        reference: &ContextRef,
        name: &str,
    ) -> Option<Diagnostic> {
        if is_conditional(self.plan, one.place) {
            return None;
        }
        let mut users = self.plan.environments.iter().enumerate();
        let (_, (environment, _)) = users.find(|(at, (_, environment))| {
            let is_user = one.place.environment.is_none_or(|number| number == *at);
            let mut declared = environment.secrets.keys();
            is_user && !declared.any(|known| known.eq_ignore_ascii_case(name))
        })?;
        let message =
            format!("no secret is called `{name}` in the environment `{}`", environment.value);
        let mistake = Diagnostic::error("unknown-secret", message, &one.span(&reference.span))
            .also(&environment.span, "not declared in this environment");
        Some(mistake.help("declare it in `secrets` of this environment, or of the plan"))
    }
}

/// The variable that a secret of this name would come from.
fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn misspelt_and_undeclared() {
        insta::assert_snapshot!(drawn(
            "name: a\nsecrets: { npm-token: { env: NPM_TOKEN } }\nsteps:\n  - run: x\n    \
             env: { A: \"${{ secrets.npm-tokn }}\", B: \"${{ secrets.db-url }}\", C: \"${{ secrets.NPM-Token }}\" }\n"
        ));
    }

    #[test]
    fn secret_of_one_environment_alone() {
        let plan = |step: &str| {
            format!(
                "name: a\nenvironments:\n  live: {{ if: a, secrets: {{ db: {{ env: DB }} }} }}\n  test:\n\
                 steps:\n- {step}run: x\n  env: {{ A: \"${{{{ secrets.db }}}}\" }}\n"
            )
            .replace("if: a", "if: github.event_name == 'push'")
        };
        assert_eq!(
            drawn(&plan("")),
            "\
error[unknown-secret]: no secret is called `db` in the environment `test`
 --> shipway.yml:7:18
  |
4 |   test:
  |   ---- not declared in this environment
...
7 |   env: { A: \"${{ secrets.db }}\" }
  |                  ^^^^^^^^^^
  |
  = help: declare it in `secrets` of this environment, or of the plan"
        );
        fine(&plan("if: environment.name == 'live'\n  "));
    }

    #[test]
    fn names_ignore_case() {
        fine(
            "name: a\nsecrets: { npm-token: { env: NPM_TOKEN } }\nsteps:\n  - run: x\n    env: { A: \"${{ secrets['NPM-token'] }}\" }\n",
        );
    }
}
