//! Texts of the plan as what they must be here: names, lists, folders.

use crate::plan::expr::{EvalError, Rendered, Scope};
use crate::plan::schema::Text;
use crate::run::outcome::StepError;

/// A name: never empty, never secret.
pub(super) fn name(text: &Text, what: &str, scope: &Scope) -> Result<String, StepError> {
    public(text, text.render_name(scope), what)
}

/// A name that is left out where it comes to nothing; one that is half built is
/// an error.
pub(super) fn optional_name(
    text: &Text,
    what: &str,
    scope: &Scope,
) -> Result<Option<String>, StepError> {
    let rendered = text.render_optional_name(scope)?;
    rendered.map(|rendered| public(text, Ok(rendered), what)).transpose()
}

/// A text that everybody may see.
pub(super) fn plain(text: &Text, what: &str, scope: &Scope) -> Result<String, StepError> {
    public(text, text.render(scope), what)
}

/// The same, for one that may be absent.
pub(super) fn plain_or<'t>(
    text: impl Into<Option<&'t Text>>,
    what: &str,
    scope: &Scope,
) -> Result<Option<String>, StepError> {
    text.into().map(|text| plain(text, what, scope)).transpose()
}

/// A list of texts that everybody may see.
pub(super) fn plain_list(
    texts: &[Text],
    what: &str,
    scope: &Scope,
) -> Result<Vec<String>, StepError> {
    texts.iter().map(|text| plain(text, what, scope)).collect()
}

fn public(
    text: &Text,
    rendered: Result<Rendered, EvalError>,
    what: &str,
) -> Result<String, StepError> {
    match rendered? {
        Rendered::Plain(plain) => Ok(plain),
        Rendered::Secret(secret) => {
            let mut trouble = StepError::new(format!(
                "the {what} holds `{}`, which is a secret",
                secret.source()
            ))
            .help(format!("a {what} is seen by everybody: take it from `vars`"));
            trouble.span = Some(text.span.clone());
            Err(trouble)
        }
    }
}
