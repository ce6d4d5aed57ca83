//! `unknown-variable`: a variable that neither the plan nor an environment has.

use crate::plan::check::uses::member;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::ContextRef;
use crate::plan::schema::Plan;
use crate::plan::span::Span;
use std::collections::HashSet;

/// The variables that are declared.
pub(super) struct Known<'p> {
    spelled: Vec<&'p str>,
    lower: HashSet<String>,
}

impl<'p> Known<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let environments = plan.environments.iter();
        let of_environments = environments.flat_map(|(_, environment)| environment.vars.keys());
        let spelled: Vec<&str> = plan.vars.keys().chain(of_environments).collect();
        let lower = spelled.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { spelled, lower }
    }

    pub(super) fn mistake(&self, reference: &ContextRef, span: &Span) -> Option<Diagnostic> {
        let name = member(reference, "vars")?;
        if self.lower.contains(&name.to_ascii_lowercase()) {
            return None;
        }
        let message = format!("no variable is called `{name}`");
        let diagnostic = Diagnostic::error("unknown-variable", message, span)
            .suggest(name, self.spelled.iter().copied());
        let declare =
            format!("declare it: `vars: {{ {name}: … }}`; `--set` overrides what is declared");
        Some(if diagnostic.help.is_none() { diagnostic.help(declare) } else { diagnostic })
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
