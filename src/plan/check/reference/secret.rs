//! `unknown-secret`: a secret that the plan does not declare.

use crate::plan::check::uses::{Use, Uses, member};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::ContextRef;
use std::collections::HashSet;

/// The secrets that are declared.
pub(super) struct Known<'p> {
    spelled: Vec<&'p str>,
    lower: HashSet<String>,
}

impl<'p> Known<'p> {
    pub(super) fn of(uses: &Uses<'p>) -> Self {
        let spelled: Vec<&str> = uses.plan.secrets.keys().collect();
        let lower = spelled.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { spelled, lower }
    }

    pub(super) fn check(&self, one: &Use<'_>, reference: &ContextRef, found: &mut Vec<Diagnostic>) {
        let Some(name) = member(reference, "secrets") else { return };
        if self.lower.contains(&name.to_ascii_lowercase()) {
            return;
        }
        let message = format!("no secret is called `{name}`");
        let diagnostic = Diagnostic::error("unknown-secret", message, &one.span(&reference.span))
            .suggest(name, self.spelled.iter().copied());
        let declare = format!("declare it: `secrets: {{ {name}: {{ env: {} }} }}`", variable(name));
        found.push(if diagnostic.help.is_none() { diagnostic.help(declare) } else { diagnostic });
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
    fn names_ignore_case() {
        fine(
            "name: a\nsecrets: { npm-token: { env: NPM_TOKEN } }\nsteps:\n  - run: x\n    env: { A: \"${{ secrets['NPM-token'] }}\" }\n",
        );
    }
}
