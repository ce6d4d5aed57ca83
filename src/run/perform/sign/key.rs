//! The key that signs.

use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::Text;
use crate::run::outcome::StepError;
use crate::run::perform::performer::Performer;
use crate::secret::Secret;
use crate::signing::{SigningKey, SigningKeyError};

/// The key that signs, opened.
pub async fn signing_key(
    performer: &Performer,
    key: &Text,
    password: Option<&Text>,
    scope: &Scope,
) -> Result<SigningKey, StepError> {
    let span = &key.span;
    let Rendered::Secret(key) = key.render_filled(scope, "a signing key")? else {
        return Err(StepError::new("the private key that signs is not a secret")
            .help("declare it under `secrets`, and write `${{ secrets.NAME }}` as `key`")
            .at(span));
    };
    let password = password.map(|password| password.render(scope)).transpose()?;
    let password = password.filter(|password| !password.is_empty()).map(|it| match it {
        Rendered::Secret(secret) => secret,
        Rendered::Plain(text) => scope.redactor().adopt("the signing key's password", text),
    });
    let secret = key.clone();
    // Opening a key of cosign takes a tenth of a second.
    let parsed = tokio::task::spawn_blocking(move || {
        SigningKey::parse(secret.expose(), password.as_ref().map(Secret::expose))
    });
    let parsed = parsed.await.map_err(|error| {
        StepError::new("the thread of the step ended early").because(error.to_string())
    })?;
    parsed.map_err(|error| refused(performer, &key, &error).at(span))
}

fn refused(performer: &Performer, key: &Secret, error: &SigningKeyError) -> StepError {
    let refused = StepError::new(format!("cannot sign with `{}`", key.source()));
    let refused = refused.because(error.to_string());
    match key.source().strip_prefix("secrets.") {
        Some(name) if performer.facts.dry_run && *error == SigningKeyError::NotPem => {
            refused.help(format!(
                "give the dry run a key, such as one for tests: `--secret-env {name}=VARIABLE`"
            ))
        }
        _ => refused.help(error.help()),
    }
}

#[cfg(test)]
mod tests {
    use super::signing_key;
    use crate::plan::expr::{Object, Value};
    use crate::plan::schema::{Action, Push, SignWith};
    use crate::run::outcome::StepError;
    use crate::run::perform::performer::Performer;
    use crate::run::perform::test_support::performer;
    use crate::signing::testing::{COSIGN_KEY, COSIGN_PASSWORD, PLAIN_KEY};

    const PLAN: &str = "name: a\nsecrets: { key: { env: K }, password: { env: P } }\nsteps:\n\
        - push: { image: \"a.io/b:v1\", sign: { key: \"${{ secrets.key }}\", password: \"${{ secrets.password }}\" } }\n";

    async fn opened(key: &str, password: &str, is_dry: bool) -> Result<(), StepError> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut performer: Performer = performer(PLAN, folder.path()).await;
        performer.facts.dry_run = is_dry;
        let redactor = performer.services.redactor.clone();
        let secret = |name: &str, text: &str| {
            Value::secret(&redactor.adopt(&format!("secrets.{name}"), text.to_owned()))
        };
        let secrets = Object::default()
            .with("key", secret("key", key))
            .with("password", secret("password", password));
        let scope = performer.plan.scope.clone().with("secrets", secrets);
        let Action::Push(Push { sign: Some(sign), .. }) = &performer.plan.step(0, 0).action else {
            panic!("no key")
        };
        let SignWith::Key(key) = &sign.with else { panic!("no key") };
        signing_key(&performer, key, sign.password.as_ref(), &scope).await.map(drop)
    }

    #[tokio::test]
    async fn key_is_opened_or_refused_with_a_remedy() {
        assert!(opened(PLAIN_KEY, "unused password", false).await.is_ok());
        assert!(opened(COSIGN_KEY, COSIGN_PASSWORD, false).await.is_ok());

        let error = opened(COSIGN_KEY, "hunter22", false).await.expect_err("refused");
        assert_eq!(
            error.failure.chain,
            ["cannot sign with `secrets.key`", "the password does not open it"]
        );
        assert_eq!(error.failure.help.as_deref(), Some("check the secret that is `password`"));
        let error = opened("placeholder-key", "hunter22", true).await.expect_err("refused");
        assert_eq!(error.failure.chain[1], "it is not a private key in PEM");
        assert_eq!(
            error.failure.help.as_deref(),
            Some("give the dry run a key, such as one for tests: `--secret-env key=VARIABLE`")
        );
    }
}
