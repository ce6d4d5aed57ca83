//! `unused-secret`: nothing in the plan uses a secret.

use super::uses::{Uses, member};
use crate::plan::diagnostic::Diagnostic;
use std::collections::HashSet;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    // What could not be read may have used it.
    if !uses.are_whole() {
        return;
    }
    let mut needed = HashSet::new();
    for reference in uses.all.iter().flat_map(|one| &one.contexts) {
        if reference.context().eq_ignore_ascii_case("secrets") {
            match member(reference, "secrets") {
                Some(name) => needed.insert(name.to_ascii_lowercase()),
                // One that is only known when it is evaluated may be any.
                None => return,
            };
        }
    }
    for (name, _) in uses.plan.all_secrets() {
        if !needed.contains(&name.value.to_ascii_lowercase()) {
            let message = format!("nothing uses the secret `{}`", name.value);
            found.push(Diagnostic::warning("unused-secret", message, &name.span).help(format!(
                "leave it out, or write `${{{{ secrets.{} }}}}` where it is needed",
                name.value
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{drawn, fine};

    #[test]
    fn is_no_error() {
        let plan = "name: a\nsecrets: { old: { env: OLD } }\nsteps: [{ run: x }]\n";
        assert!(crate::plan::read(plan).plan.is_some());
        assert_eq!(
            drawn(plan),
            "\
warning[unused-secret]: nothing uses the secret `old`
 --> shipway.yml:2:12
  |
2 | secrets: { old: { env: OLD } }
  |            ^^^
  |
  = help: leave it out, or write `${{ secrets.old }}` where it is needed"
        );
    }

    #[test]
    fn one_that_is_computed_may_be_any() {
        fine(
            "name: a\nvars: { x: old }\nsecrets: { old: { env: OLD } }\nsteps: [{ run: x, env: { A: \"${{ secrets[vars.x] }}\" } }]\n",
        );
    }
}
