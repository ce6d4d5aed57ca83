//! `unknown-context`: an expression begins with a name that is not a context.

use crate::plan::check::uses::Use;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::{CONTEXTS, context};

/// Contexts of GitHub that plans do not have, and what to use instead.
const ELSEWHERE: [(&str, &str); 6] = [
    ("inputs", "take it from `vars`, set by `--set`"),
    ("needs", "the outputs of a service that this one needs are `services.NAME.outputs`"),
    ("job", "the run is `run`"),
    ("runner", "variables of the runner are in `env`"),
    ("matrix", "a plan has no matrix: write a service for each"),
    ("strategy", "a plan has no matrix: write a service for each"),
];

pub(super) fn check(one: &Use<'_>, found: &mut Vec<Diagnostic>) {
    for reference in &one.contexts {
        let name = reference.context();
        if context(name).is_some() {
            continue;
        }
        let span = one.span(&reference.span);
        let head = span.start..(span.start + name.len()).min(span.end);
        let message = format!("no context is called `{name}`");
        let diagnostic = Diagnostic::error("unknown-context", message, &head);
        found.push(advise(diagnostic, name, one));
    }
}

fn advise(diagnostic: Diagnostic, name: &str, one: &Use<'_>) -> Diagnostic {
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        return diagnostic.help(*instead);
    }
    let suggested = diagnostic.suggest(name, CONTEXTS.iter().map(|known| known.name));
    if suggested.help.is_some() {
        return suggested;
    }
    let known: Vec<_> = one.place.site.contexts().map(|known| known.name).collect();
    suggested.help(format!("there are `{}`; a text stands in `'…'`", known.join("`, `")))
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn near_elsewhere_or_nowhere() {
        insta::assert_snapshot!(drawn(
            "name: a\nsteps:\n  - run: ${{ gti.sha }}\n  - run: ${{ matrix.os }}\n    \
             if: github.ref_name == main\n"
        ));
    }
}
