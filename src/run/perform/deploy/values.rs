//! Values that may hold secrets: variables, files and keys.

use crate::azure::container_instances::EnvValue;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{Text, VariableValue};
use crate::run::outcome::StepError;
use crate::secret::Secret;

/// `None` where the variable is left out: the plan says so of an empty one, and an
/// optional secret has no value.
pub fn variable_value(
    variable: &VariableValue,
    scope: &Scope,
) -> Result<Option<EnvValue>, StepError> {
    let text = variable.value.evaluate(scope)?;
    let is_optional = text.taint().is_secret() || variable.omit_if_empty.resolve(scope)?;
    if is_optional && text.text().is_empty() {
        return Ok(None);
    }
    Ok(Some(match value(&variable.value, scope)? {
        EnvValue::Plain(plain) if variable.secure.resolve(scope)? && !plain.is_empty() => {
            EnvValue::Secret(scope.redactor().adopt("a secure value of the plan", plain))
        }
        value => value,
    }))
}

/// A text that is sent in plain text, or as a secure value where it holds a secret.
pub fn value(text: &Text, scope: &Scope) -> Result<EnvValue, StepError> {
    Ok(match text.render(scope)? {
        Rendered::Plain(text) => EnvValue::Plain(text),
        Rendered::Secret(secret) => EnvValue::Secret(secret),
    })
}

/// A text that is sent as a secret, whatever it is made of.
pub fn secret(text: &Text, source: &str, scope: &Scope) -> Result<Secret, StepError> {
    Ok(match text.render_filled(scope, "a key")? {
        Rendered::Secret(secret) => secret,
        Rendered::Plain(plain) => scope.redactor().adopt(source, plain),
    })
}
