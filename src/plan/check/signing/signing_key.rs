//! `plain-signing-key`: what signs is not a secret: a private key, or the token that says who
//! signs.

use crate::plan::check::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::references;
use crate::plan::schema::{Sign, SignWith};

pub(super) fn check(uses: &Uses<'_>, sign: &Sign, found: &mut Vec<Diagnostic>) {
    let (text, what) = match &sign.with {
        SignWith::Key(key) => (key, "private key that signs"),
        SignWith::Keyless(keyless) => match &keyless.identity_token {
            Some(token) => (token, "token that says who signs"),
            None => return,
        },
    };
    let message = if text.as_literal().is_some() {
        let what = what.trim_end_matches(" that signs");
        format!("a {what} stands in the plan, where all who read the repository see it")
    } else {
        let expressions = text.expressions();
        let named = expressions.flat_map(|one| references(&one.value, 0).unwrap_or_default());
        // An output of a step may be a secret: the run tells.
        let may_be_secret = named.filter(|one| one.flows).any(|one| {
            let is = |name: &str| one.context().eq_ignore_ascii_case(name);
            uses.is_secret(&one) || is("steps") || is("services")
        });
        if may_be_secret {
            return;
        }
        format!("the {what} is not a secret here")
    };
    found.push(
        Diagnostic::error("plain-signing-key", message, &text.span)
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
    fn token_that_is_no_secret_is_an_error() {
        let head = HEAD.replace("secrets: { k: { env: K } }\n", "");
        let keyless = |token: &str| {
            format!(
                "{head}- push:\n    sign:\n      keyless:\n        fulcio: https://fulcio.example.com\n        rekor: https://rekor.example.com\n        {token}\n"
            )
        };
        assert_eq!(
            drawn(&keyless("identity-token: eyJhbGci")),
            "\
error[plain-signing-key]: a token that says who signs stands in the plan, where all who read the repository see it
  --> shipway.yml:11:25
   |
11 |         identity-token: eyJhbGci
   |                         ^^^^^^^^
   |
   = help: declare it under `secrets`, and write `${{ secrets.NAME }}` here"
        );
        assert!(drawn(&keyless("identity-token: \"${{ vars.plain }}\"")).starts_with(
            "error[plain-signing-key]: the token that says who signs is not a secret here\n"
        ));
        let secret = keyless("identity-token: \"${{ secrets.k }}\"");
        fine(&secret.replace("vars:", "secrets: { k: { env: K } }\nvars:"));
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
