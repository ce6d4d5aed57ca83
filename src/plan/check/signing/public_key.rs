//! `bad-public-key` and `bad-roots`: a file that signatures are verified with is missing, or holds
//! something else.
//!
//! Not among the rules of a plan's text: the caller reads the files.

use super::required::require_of;
use crate::plan::check::files::before_a_run;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Plan, Signer, Step, Text};
use crate::plan::span::Span;
use crate::signing::{PublicKey, Roots};

/// The text of a file by its path in the file in which a span begins; `None` where it cannot
/// be read.
type ReadText<'r> = &'r dyn Fn(&Span, &str) -> Option<String>;

/// What a file has to hold.
#[derive(Clone, Copy)]
enum FileKind {
    PublicKey,
    Roots,
}

/// Reports the files under `signed-by` that signatures cannot be verified with. Nothing after
/// a `run` step is reported, which may write them.
pub fn bad_public_keys(plan: &Plan, read: ReadText<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (service, step) in before_a_run(plan) {
        let signers = require_of(step).into_iter().flat_map(|require| &require.signed_by);
        for signer in signers {
            let read = |path: &str| read(service, path);
            found.extend(FileKind::PublicKey.check(signer.public_key(), step, &read));
            if let Signer::Identity(identity) = signer {
                found.extend(FileKind::Roots.check(&identity.roots, step, &read));
            }
        }
    }
    found
}

impl FileKind {
    fn check(
        self,
        text: &Text,
        step: &Step,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Diagnostic> {
        let path = text.as_literal().filter(|path| !PublicKey::is_pem(path))?;
        let what = match self {
            Self::PublicKey => "public key",
            Self::Roots => "file with certificates",
        };
        // A condition may ask whether it is there.
        let may_be_absent = step.condition.is_some();
        let report = |message: String| match (self, may_be_absent) {
            (Self::PublicKey, false) => Diagnostic::error("bad-public-key", message, &text.span),
            (Self::PublicKey, true) => Diagnostic::warning("bad-public-key", message, &text.span),
            (Self::Roots, false) => Diagnostic::error("bad-roots", message, &text.span),
            (Self::Roots, true) => Diagnostic::warning("bad-roots", message, &text.span),
        };
        let Some(content) = read(path) else {
            let message = format!("there is no {what} `{path}`");
            return Some(report(message).help("paths are relative to the plan's folder"));
        };
        let (why, help) = match self {
            Self::PublicKey => {
                let error = PublicKey::parse(&content).err()?;
                (error.to_string(), error.help())
            }
            Self::Roots => {
                let error = Roots::parse(&content).err()?;
                (error.to_string(), error.help())
            }
        };
        Some(report(format!("`{path}` does not verify signatures: {why}")).help(help))
    }
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

    #[test]
    fn certificates_and_log_key_of_an_identity_must_be_there() {
        let text = "name: a\nsteps:\n\
            - verify:\n    http: \"https://a.io/\"\n    require:\n      signed-by:\n\
            \x20       identity: ann@example.com\n        issuer: https://accounts.example.com\n\
            \x20       roots: fulcio.pem\n        log-key: rekor.pub\n";
        let plan = read(text).plan.expect("a plan");
        let found = bad_public_keys(&plan, &|_, _| None);
        assert_eq!(
            render("shipway.yml", text, &found, false),
            "\
error[bad-public-key]: there is no public key `rekor.pub`
  --> shipway.yml:10:18
   |
10 |         log-key: rekor.pub
   |                  ^^^^^^^^^
   |
   = help: paths are relative to the plan's folder

error[bad-roots]: there is no file with certificates `fulcio.pem`
 --> shipway.yml:9:16
  |
9 |         roots: fulcio.pem
  |                ^^^^^^^^^^
  |
  = help: paths are relative to the plan's folder"
        );
        let found = bad_public_keys(&plan, &|_, _| {
            Some(crate::signing::testing::PLAIN_PUBLIC_KEY.to_owned())
        });
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            found.message,
            "`fulcio.pem` does not verify signatures: it holds a `PUBLIC KEY`, and only \
             certificates are read"
        );
    }
}
