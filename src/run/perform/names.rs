//! Evaluates texts of the plan that are shown or sent in plain text: a secret in
//! one of them is an error.
//!
//! `what` names the text in that error, such as `image`.

use crate::plan::expr::{EvalError, Rendered, Scope};
use crate::plan::schema::Text;
use crate::run::outcome::StepError;

/// A name, which must not be empty.
pub fn name(text: &Text, what: &str, scope: &Scope) -> Result<String, StepError> {
    public(text, text.render_name(scope), what)
}

/// A name that is left out where it is empty as a whole. One whose expressions
/// are empty only in part is an error.
pub fn optional_name(text: &Text, what: &str, scope: &Scope) -> Result<Option<String>, StepError> {
    let rendered = text.render_optional_name(scope)?;
    rendered.map(|rendered| public(text, Ok(rendered), what)).transpose()
}

/// A text that may be empty.
pub fn plain(text: &Text, what: &str, scope: &Scope) -> Result<String, StepError> {
    public(text, text.render(scope), what)
}

/// A text that may be missing from the plan.
pub fn optional_plain<'t>(
    text: impl Into<Option<&'t Text>>,
    what: &str,
    scope: &Scope,
) -> Result<Option<String>, StepError> {
    text.into().map(|text| plain(text, what, scope)).transpose()
}

/// Each text of a list.
pub fn plain_list(texts: &[Text], what: &str, scope: &Scope) -> Result<Vec<String>, StepError> {
    texts.iter().map(|text| plain(text, what, scope)).collect()
}

/// The text, unless a secret went into it.
pub fn public(
    text: &Text,
    rendered: Result<Rendered, EvalError>,
    what: &str,
) -> Result<String, StepError> {
    match rendered? {
        Rendered::Plain(plain) => Ok(plain),
        Rendered::Secret(secret) => {
            let article = if what.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
            let mut error = StepError::new(format!(
                "the {what} holds `{}`, which is a secret",
                secret.source()
            ))
            .help(format!("{article} {what} is shown in plain text: take it from `vars`"));
            error.span = Some(text.span.clone());
            Err(error)
        }
    }
}
