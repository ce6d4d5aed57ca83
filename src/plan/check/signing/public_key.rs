//! `bad-public-key`: a file under `signed-by` is missing or holds no public key.
//!
//! Not one of the rules of a plan's text: the caller reads the files.

use super::required::require_of;
use crate::plan::check::files::before_a_run;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Plan, Step, Text};
use crate::plan::span::Span;
use crate::signing::PublicKey;

/// The text of a file by its path in the file in which a span begins; `None` where it cannot
/// be read.
type ReadText<'r> = &'r dyn Fn(&Span, &str) -> Option<String>;

/// Reports the files under `signed-by` that signatures cannot be verified with. Nothing after
/// a `run` step is reported, which may write them.
pub fn bad_public_keys(plan: &Plan, read: ReadText<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (service, step) in before_a_run(plan) {
        for text in require_of(step).into_iter().flat_map(|require| &require.signed_by) {
            found.extend(check(text, step, &|path| read(service, path)));
        }
    }
    found
}

fn check(text: &Text, step: &Step, read: &dyn Fn(&str) -> Option<String>) -> Option<Diagnostic> {
    let path = text.as_literal().filter(|path| !PublicKey::is_pem(path))?;
    let report = |message: String| {
        // A condition may ask whether it is there.
        if step.condition.is_some() {
            Diagnostic::warning("bad-public-key", message, &text.span)
        } else {
            Diagnostic::error("bad-public-key", message, &text.span)
        }
    };
    let Some(content) = read(path) else {
        let message = format!("there is no public key `{path}`");
        return Some(report(message).help("paths are relative to the plan's folder"));
    };
    let error = PublicKey::parse(&content).err()?;
    let message = format!("`{path}` does not verify signatures: {error}");
    Some(report(message).help(error.help()))
}

#[cfg(test)]
mod tests {
    use super::bad_public_keys;
    use crate::plan::span::Span;
    use crate::plan::{read, render};

    #[test]
    fn public_key_must_be_there_and_public() {
        let text = "name: a\nsteps:\n\
            - if: git.dirty\n  verify: { http: \"https://a.io/\", require: { signed-by: gone.pub } }\n\
            - verify: { http: \"https://a.io/\", require: { signed-by: [signing.key, \"${{ env.KEY }}\"] } }\n\
            - run: make\n\
            - verify: { http: \"https://a.io/\", require: { signed-by: made.pub } }\n";
        let plan = read(text).plan.expect("a plan");
        let file = |_: &Span, path: &str| {
            let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
            (path == "signing.key").then(|| key.to_owned())
        };

        let found = bad_public_keys(&plan, &file);

        assert_eq!(
            render("shipway.yml", text, &found, false),
            "\
warning[bad-public-key]: there is no public key `gone.pub`
 --> shipway.yml:4:58
  |
4 |   verify: { http: \"https://a.io/\", require: { signed-by: gone.pub } }
  |                                                          ^^^^^^^^
  |
  = help: paths are relative to the plan's folder

error[bad-public-key]: `signing.key` does not verify signatures: it is a private key
 --> shipway.yml:5:59
  |
5 | - verify: { http: \"https://a.io/\", require: { signed-by: [signing.key, \"${{ env.KEY }}\"] } }
  |                                                           ^^^^^^^^^^^
  |
  = help: keep it out of the repository, and give its public key: `openssl pkey -in signing.key -pubout -out signing.pub`"
        );
    }
}
