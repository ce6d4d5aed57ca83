//! `secret-exposed`: a secret is put where it can be seen.

use crate::plan::check::uses::{Use, Uses};
use crate::plan::describe::Exposure;
use crate::plan::diagnostic::Diagnostic;

pub(super) fn check(uses: &Uses<'_>, one: &Use<'_>, found: &mut Vec<Diagnostic>) {
    let Exposure::Public { what, instead } = one.place.exposure else { return };
    let secret = one.contexts.iter().find(|named| named.flows && uses.is_secret(named));
    let Some(secret) = secret else { return };
    let span = one.span(&secret.span);
    let name = uses.text.get(span.clone()).unwrap_or("a secret");
    let message = format!("`{name}` is a secret, and {what} is not");
    let diagnostic = Diagnostic::error("secret-exposed", message, &span).help(instead);
    found.push(match uses.secret_of_variable(secret) {
        Some(source) => diagnostic.also(&source.span, "here it gets the secret"),
        None => diagnostic,
    });
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn secrets_in_readable_places_are_errors() {
        insta::assert_snapshot!(drawn(
            "name: a\nsecrets: { s: { env: MY_TOKEN } }\nvars: { v: \"x-${{ env.MY_TOKEN }}\" }\n\
             azure: { resource-group: \"${{ secrets.s }}\" }\nsteps:\n\
             - build: { context: ., args: { A: \"${{ secrets.s }}\" } }\n\
             - build: { layers: [], env: { A: \"${{ format('{0}', secrets.s) }}\" }, labels: { b: \"${{ vars.v }}\" } }\n\
             - tag: a.io/b:${{ secrets.s }}\n- push:\n\
             - deploy: { aci: { dns-label: \"${{ secrets.s }}\", command: [x, \"${{ secrets.s }}\"] } }\n\
             - run: [login, \"${{ secrets.s }}\"]\n"
        ));
    }

    #[test]
    fn name_from_a_variable_with_a_secret_says_what_to_do_instead() {
        insta::assert_snapshot!(drawn(
            "name: a\nsecrets: { s: { env: RG } }\nvars: { rg: \"${{ env.RG }}\" }\n\
             azure: { resource-group: \"${{ vars.rg }}\" }\n\
             steps: [{ run: x, env: { A: \"${{ secrets.s }}\" } }]\n"
        ));
    }

    #[test]
    fn secret_fields_and_comparisons_are_allowed() {
        fine(
            "name: a\nsecrets: { s: { env: MY_TOKEN } }\nazure: { resource-group: g }\nsteps:\n\
             - build: { context: ., secrets: { A: \"${{ secrets.s }}\" }, args: { B: \"${{ secrets.s != '' }}\" } }\n\
             - tag: a.io/b:v1\n- push:\n- deploy: { aci: { env: { A: \"${{ secrets.s }}\" } } }\n",
        );
    }
}
