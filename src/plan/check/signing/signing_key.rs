//! `plain-signing-key`: the private key that signs is not a secret.

use crate::plan::check::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::references;
use crate::plan::schema::Sign;

pub(super) fn check(uses: &Uses<'_>, sign: &Sign, found: &mut Vec<Diagnostic>) {
    let message = if sign.key.as_literal().is_some() {
        "a private key stands in the plan, where all who read the repository see it"
    } else {
        let expressions = sign.key.expressions();
        let named = expressions.flat_map(|one| references(&one.value, 0).unwrap_or_default());
        // An output of a step may be a secret: the run tells.
        let may_be_secret = named.filter(|one| one.flows).any(|one| {
            let is = |name: &str| one.context().eq_ignore_ascii_case(name);
            uses.is_secret(&one) || is("steps") || is("services")
        });
        if may_be_secret {
            return;
        }
        "the private key that signs is not a secret here"
    };
    found.push(
        Diagnostic::error("plain-signing-key", message, &sign.key.span)
            .help("declare it under `secrets`, and write `${{ secrets.NAME }}` here"),
    );
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    const HEAD: &str = "name: a\nsecrets: { k: { env: K } }\nvars: { plain: x, hidden: \"${{ env.K }}\" }\nsteps:\n- build: .\n- tag: a.io/b:v1\n";

    #[test]
    fn key_that_is_no_secret_is_an_error() {
        assert_eq!(
            drawn(&format!(
                "{HEAD}- push: {{ sign: {{ key: signing.key }} }}\n\
                 - push: {{ sign: {{ key: \"${{{{ vars.plain }}}}\", password: \"${{{{ secrets.k }}}}\" }} }}\n"
            )),
            "\
error[plain-signing-key]: a private key stands in the plan, where all who read the repository see it
 --> shipway.yml:7:24
  |
7 | - push: { sign: { key: signing.key } }
  |                        ^^^^^^^^^^^
  |
  = help: declare it under `secrets`, and write `${{ secrets.NAME }}` here

error[plain-signing-key]: the private key that signs is not a secret here
 --> shipway.yml:8:24
  |
8 | - push: { sign: { key: \"${{ vars.plain }}\", password: \"${{ secrets.k }}\" } }
  |                        ^^^^^^^^^^^^^^^^^^^
  |
  = help: declare it under `secrets`, and write `${{ secrets.NAME }}` here"
        );
    }

    #[test]
    fn secret_by_any_way_is_accepted() {
        for key in ["secrets.k", "vars.hidden", "env.K"] {
            fine(&format!(
                "{HEAD}- push: {{ sign: {{ key: \"${{{{ {key} }}}}\", password: \"${{{{ secrets.k }}}}\" }} }}\n"
            ));
        }
    }
}
