//! `unknown-variable`: a variable that neither the plan nor an environment has.

use crate::plan::check::uses::{Use, Uses, member};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::ContextRef;
use std::collections::HashSet;

/// The variables that are declared.
pub(super) struct Known<'p> {
    spelled: Vec<&'p str>,
    lower: HashSet<String>,
}

impl<'p> Known<'p> {
    pub(super) fn of(uses: &Uses<'p>) -> Self {
        let environments = uses.plan.environments.iter();
        let of_environments = environments.flat_map(|(_, environment)| environment.vars.keys());
        let spelled: Vec<&str> = uses.plan.vars.keys().chain(of_environments).collect();
        let lower = spelled.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { spelled, lower }
    }

    pub(super) fn check(&self, one: &Use<'_>, reference: &ContextRef, found: &mut Vec<Diagnostic>) {
        let Some(name) = member(reference, "vars") else { return };
        if self.lower.contains(&name.to_ascii_lowercase()) {
            return;
        }
        let message = format!("no variable is called `{name}`");
        let diagnostic = Diagnostic::error("unknown-variable", message, &one.span(&reference.span))
            .suggest(name, self.spelled.iter().copied());
        let declare =
            format!("declare it: `vars: {{ {name}: … }}`; `--set` overrides what is declared");
        found.push(if diagnostic.help.is_none() { diagnostic.help(declare) } else { diagnostic });
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn misspelt_and_undeclared() {
        insta::assert_snapshot!(drawn(
            "name: a\nvars: { label: x }\nsteps:\n  - run: echo ${{ vars.lable }} ${{ vars.cpu }}\n"
        ));
    }

    #[test]
    fn one_that_only_an_environment_has() {
        fine(
            "name: a\nenvironments: { e: { vars: { cpu: 1 } } }\nsteps: [{ run: \"echo ${{ vars.CPU }}\" }]\n",
        );
    }
}
