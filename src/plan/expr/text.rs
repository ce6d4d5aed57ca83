//! Expressions where a plan has them: in texts, in conditions, in scalars.

use super::evaluate::{EvalError, evaluate};
use super::function::Function;
use super::scope::{Scope, Status};
use super::syntax::{ContextRef, functions, references};
use super::value::{MAX_TEXT_BYTES, Taint, Value};
use crate::plan::literal::Literal;
use crate::plan::schema::{Condition, Field, Part, Text};
use crate::plan::span::{Span, Spanned};
use crate::secret::Secret;

/// A text whose expressions have been evaluated.
#[derive(Clone, Debug)]
pub enum Rendered {
    /// A text that may be shown.
    Plain(String),
    /// A text that a secret went into.
    Secret(Secret),
}

impl Rendered {
    /// The text, secret or not.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }

    /// The text, unless it is secret.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Secret(_) => None,
        }
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl Text {
    /// Evaluates its expressions. What a secret went into is a secret.
    pub fn render(&self, scope: &Scope) -> Result<Rendered, EvalError> {
        self.value(scope, |_, _| Ok(())).map(|value| rendered(&value, scope))
    }

    /// As [`Self::render`], for the name of a resource: an expression that is empty
    /// is an error, because the name without it is that of another resource.
    /// Only `git.dirty-suffix` may be empty: it is meant for names.
    pub fn render_name(&self, scope: &Scope) -> Result<Rendered, EvalError> {
        self.render_filled(scope, "a name")
    }

    /// As [`Self::render_name`], for any text that is of no use where an expression
    /// in it is empty. `what` names such a text in the error: "a name".
    pub fn render_filled(&self, scope: &Scope, what: &str) -> Result<Rendered, EvalError> {
        let value = self.value(scope, |expression, value| {
            let source = expression.value.trim();
            let suffix = source.eq_ignore_ascii_case("git.dirty-suffix");
            match value.missing_source() {
                Some(missing) => {
                    let message = format!("`{source}` is made of `{missing}`, which is empty");
                    Err(empty(expression, message, &Missing { source: missing, what }, scope))
                }
                None if value.to_text().is_empty() && !suffix => {
                    let message = format!("`{source}` is empty, and {what} would be made of it");
                    Err(empty(expression, message, &Missing { source, what }, scope))
                }
                None => Ok(()),
            }
        })?;
        Ok(rendered(&value, scope))
    }

    /// Fails where it begins with an expression that is empty, such as the URL of a
    /// service that was not deployed: what is left would be another address.
    pub fn check_address(&self, scope: &Scope) -> Result<(), EvalError> {
        if let Some(first @ Part::Expression(_)) = self.parts.first() {
            let start = Self { parts: vec![first.clone()], ..self.clone() };
            start.render_filled(scope, "an address")?;
        }
        Ok(())
    }

    /// As [`Self::render_name`], for one of several that may be left out: `None`
    /// where the whole text is empty.
    pub fn render_optional_name(&self, scope: &Scope) -> Result<Option<Rendered>, EvalError> {
        if self.render(scope)?.is_empty() {
            return Ok(None);
        }
        self.render_name(scope).map(Some)
    }

    /// Evaluates it to a value that keeps its taint: a text, whatever its
    /// expressions gave.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvalError> {
        self.value(scope, |_, _| Ok(()))
    }

    fn value(
        &self,
        scope: &Scope,
        accept: impl Fn(&Spanned<String>, &Value) -> Result<(), EvalError>,
    ) -> Result<Value, EvalError> {
        if let Some(literal) = self.as_literal() {
            return Ok(Value::from(literal));
        }
        let mut text = String::new();
        let mut taint = Taint::default();
        let mut missing = None;
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expression(expression) => {
                    let value = evaluate(expression, scope)?;
                    if value.is_collection() {
                        return Err(no_text(expression, &value));
                    }
                    accept(expression, &value)?;
                    text.push_str(&value.to_text());
                    taint = taint.union(&value.text_taint());
                    missing = missing.or_else(|| missing_source(expression, &value));
                }
            }
            if text.len() > MAX_TEXT_BYTES {
                let message = "the text would be larger than 10 MiB".to_owned();
                return Err(EvalError {
                    code: "too-large",
                    message,
                    span: self.span.clone(),
                    help: None,
                });
            }
        }
        Ok(Value::from(text).tainted(&taint).with_missing_source(missing.as_deref()))
    }
}

/// The expression over the pull request that was empty, if one went into a value.
fn missing_source(expression: &Spanned<String>, value: &Value) -> Option<String> {
    if let Some(missing) = value.missing_source() {
        return Some(missing.to_owned());
    }
    let of_pull_request =
        |found: &ContextRef| found.flows && found.context().eq_ignore_ascii_case("pr");
    let found = references(&expression.value, 0).unwrap_or_default();
    (value.to_text().is_empty() && found.iter().any(of_pull_request))
        .then(|| expression.value.trim().to_owned())
}

/// An empty text is not a secret, even if it came from one: there is nothing to
/// hide.
fn rendered(value: &Value, scope: &Scope) -> Rendered {
    let text = value.to_text().into_owned();
    if value.taint().is_secret() && !text.is_empty() {
        Rendered::Secret(scope.redactor().adopt(&value.taint().source(), text))
    } else {
        Rendered::Plain(text)
    }
}

fn no_text(expression: &Spanned<String>, value: &Value) -> EvalError {
    let source = expression.value.trim();
    EvalError {
        code: "not-text",
        message: format!(
            "`{source}` is {}, not text",
            if value.is_array() { "a list" } else { "an object" }
        ),
        span: expression.span.clone(),
        help: Some(format!("name one of its members, or write `toJSON({source})`")),
    }
}

/// What is empty, and what would be made of it.
struct Missing<'a> {
    /// The empty expression: the text's own, or that of the variable that it names.
    source: &'a str,
    what: &'a str,
}

fn empty(
    expression: &Spanned<String>,
    message: String,
    missing: &Missing<'_>,
    scope: &Scope,
) -> EvalError {
    let Missing { source, what } = *missing;
    let contexts = references(source, 0).unwrap_or_default();
    let reason = contexts.iter().find_map(|found| scope.reason(found));
    let remedy = format!("`${{{{ {source} || 'none' }}}}` has {what} for that case");
    EvalError {
        code: "empty-name",
        message,
        span: expression.span.clone(),
        help: Some(match reason {
            Some(reason) => format!("{reason}; {remedy}"),
            None => remedy,
        }),
    }
}

impl Condition {
    /// Whether it holds. Where it asks for no status itself, everything before
    /// must have gone well too, as at GitHub.
    pub fn holds(&self, scope: &Scope) -> Result<bool, EvalError> {
        let asks_itself = self.asks_for_status()?;
        // They are evaluated all the same, so that a mistake never waits for a run
        // that goes well.
        let mut holds = true;
        for condition in self.all() {
            let expression = Spanned::new(condition.source.clone(), condition.span.clone());
            holds &= evaluate(&expression, scope)?.is_truthy();
        }
        Ok(holds && (asks_itself || scope.status() == Status::Success))
    }

    /// Whether it calls `always()` or `failure()`, so that it can hold after a
    /// failure. One that cannot be parsed calls nothing.
    pub fn runs_after_failure(&self) -> bool {
        let named = |condition: &Self| {
            functions(&condition.source, condition.span.start).unwrap_or_default()
        };
        self.all()
            .flat_map(named)
            .any(|called| matches!(called.function, Function::Always | Function::Failure))
    }

    /// Whether it calls `success()`, `failure()`, `cancelled()` or `always()`.
    pub fn asks_for_status(&self) -> Result<bool, EvalError> {
        let mut asks = false;
        for condition in self.all() {
            let found = functions(&condition.source, condition.span.start)?;
            asks |= found.iter().any(|found| found.function.is_status());
        }
        Ok(asks)
    }
}

impl<T: Literal> Field<T> {
    /// Evaluates its expressions and reads what they gave.
    pub fn resolve(&self, scope: &Scope) -> Result<T, EvalError> {
        let rendered = self.text.render(scope)?;
        T::parse(rendered.expose()).map_err(|expected| EvalError {
            code: "bad-value",
            message: match rendered.plain() {
                Some("") => format!("{expected}, not nothing"),
                Some(text) => format!("{expected}, not `{text}`"),
                None => format!("{expected}, not what is in the secret"),
            },
            span: place(&self.text),
            help: None,
        })
    }
}

/// The span of its only expression, or of the whole text.
fn place(text: &Text) -> Span {
    match text.parts.as_slice() {
        [Part::Expression(expression)] => expression.span.clone(),
        _ => text.span.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::Rendered;
    use crate::plan::expr::{Object, Scope, Status, Value};
    use crate::plan::literal::{Size, StatusCode};
    use crate::plan::schema::{Condition, Field, Part, Text};
    use crate::plan::span::Spanned;
    use crate::secret::Redactor;
    use std::marker::PhantomData;
    use std::time::Duration;

    /// A text as the reader of plans cuts it, standing at 100.
    fn text(source: &str) -> Text {
        let mut parts = Vec::new();
        let mut rest = source;
        let mut at = 100;
        while let Some((before, (expression, after))) =
            rest.split_once("${{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
        {
            at += before.len() + 3;
            parts.push(Part::Literal(before.to_owned()));
            parts.push(Part::Expression(Spanned::new(
                expression.to_owned(),
                at..at + expression.len(),
            )));
            at += expression.len() + 2;
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| *part != Part::Literal(String::new()));
        Text { source: source.to_owned().into(), span: 100..100 + source.len(), parts }
    }

    fn field<T>(source: &str) -> Field<T> {
        Field { text: text(source), reads_as: PhantomData }
    }

    fn scope() -> Scope {
        let redactor = Redactor::default();
        let secret = |name: &str, value: &str| {
            Value::secret(&redactor.adopt(&format!("secrets.{name}"), value.to_owned()))
        };
        let secrets = Object::default()
            .with("user", secret("user", "admin1"))
            .with("pass", secret("pass", "hunter22"));
        Scope::new(redactor)
            .with("secrets", secrets)
            .with("vars", Object::default().with("cpu", "1.10").with("wait", "90s"))
            .with("pr", Object::default().with("slug", Value::NULL).with("number", 12.0))
            .with_reason("pr", "there is no pull request here")
    }

    #[test]
    fn texts_are_put_together() {
        let rendered = text("pr-${{ pr.number }}/${{ vars.cpu }}${{ pr.slug }}")
            .render(&scope())
            .expect("renders");
        assert_eq!(rendered.plain(), Some("pr-12/1.10"));
        assert_eq!(text("plain").as_literal(), Some("plain"));
        assert_eq!(text("${{ git.sha }}").as_literal(), None);
    }

    #[test]
    fn what_a_secret_went_into_is_a_secret() {
        let scope = scope();
        let rendered = text("https://${{ secrets.user }}:${{ secrets.pass }}@x")
            .render(&scope)
            .expect("renders");
        assert_eq!(format!("{rendered:?}"), "Secret(Secret(secrets.pass + secrets.user))");
        assert_eq!(rendered.expose(), "https://admin1:hunter22@x");
        assert!(!scope.redactor().redact("it is https://admin1:hunter22@x").contains("hunter22"));
    }

    #[test]
    fn a_boolean_that_a_secret_decided_is_none() {
        let rendered = text("${{ secrets.pass != '' }}").render(&scope()).expect("renders");
        assert!(matches!(rendered, Rendered::Plain(text) if text == "true"));
    }

    #[test]
    fn a_name_is_not_built_from_nothing() {
        let error = text("shop-${{ pr.slug }}").render_name(&scope()).expect_err("is empty");
        assert_eq!(error.to_string(), "`pr.slug` is empty, and a name would be made of it");
        let help =
            "there is no pull request here; `${{ pr.slug || 'none' }}` has a name for that case";
        assert_eq!(error.help.as_deref(), Some(help));
        assert_eq!(error.span, 108..117);
        let rendered =
            text("shop-${{ pr.slug || 'main' }}").render_name(&scope()).expect("renders");
        assert_eq!(rendered.plain(), Some("shop-main"));
    }

    #[test]
    fn a_name_is_not_built_from_a_variable_with_a_hole() {
        let label = text("shop-${{ pr.slug }}").evaluate(&scope()).expect("has a value");
        let scope = scope().with("vars", Object::default().with("label", label));
        let error = text("${{ vars.label }}-web").render_name(&scope).expect_err("has a hole");
        assert_eq!(error.to_string(), "`vars.label` is made of `pr.slug`, which is empty");
        let rendered = text("${{ vars.label }}").render(&scope).expect("is a text like any");
        assert_eq!(rendered.plain(), Some("shop-"));
        let again = text("${{ vars.label || 'x' }}!").evaluate(&scope).expect("has a value");
        assert_eq!(again.missing_source(), Some("pr.slug"));
    }

    #[test]
    fn a_tag_may_be_left_out_and_a_suffix_may_be_empty() {
        let git = Object::default().with("sha", "12ab").with("dirty-suffix", "");
        let scope = scope().with("git", git);
        let tag = |source: &str| {
            text(source)
                .render_optional_name(&scope)
                .map(|tag| tag.map(|tag| tag.expose().to_owned()))
        };
        assert_eq!(tag("${{ pr.slug }}"), Ok(None));
        assert_eq!(tag("${{ git.sha }}${{ git.dirty-suffix }}"), Ok(Some("12ab".to_owned())));
        let error = tag("pr-${{ pr.slug }}").expect_err("has a hole");
        assert_eq!(error.to_string(), "`pr.slug` is empty, and a name would be made of it");
    }

    #[test]
    fn a_collection_is_no_text() {
        let error = text("${{ vars }}").render(&scope()).expect_err("is an object");
        assert_eq!(error.to_string(), "`vars` is an object, not text");
        assert_eq!(error.help.as_deref(), Some("name one of its members, or write `toJSON(vars)`"));
        let error = text("${{ vars.* }}").render(&scope()).expect_err("is a list");
        assert_eq!(error.to_string(), "`vars.*` is a list, not text");
    }

    #[test]
    fn fields_are_read_when_their_expressions_can_be() {
        assert_eq!(field::<f64>("${{ vars.cpu }}").resolve(&scope()), Ok(1.1));
        assert_eq!(
            field::<Duration>("${{ vars.wait }}").resolve(&scope()),
            Ok(Duration::from_secs(90))
        );
        assert_eq!(field::<Size>("${{ vars.cpu }}GB").resolve(&scope()), Ok(Size(1_100_000_000)));
        assert_eq!(field::<bool>("${{ pr.number > 3 }}").resolve(&scope()), Ok(true));
        assert_eq!(field::<StatusCode>("2${{ pr.number }}").resolve(&scope()), Ok(StatusCode(212)));
    }

    #[test]
    fn a_field_that_cannot_be_read_says_what_it_is() {
        let error = field::<u32>("${{ vars.wait }}").resolve(&scope()).expect_err("is no number");
        assert_eq!(error.to_string(), "expected a whole number, not `90s`");
        assert_eq!(error.span, 103..114);
        let error = field::<u32>("${{ pr.slug }}").resolve(&scope()).expect_err("is empty");
        assert_eq!(error.to_string(), "expected a whole number, not nothing");
        let error =
            field::<u32>("${{ secrets.pass }}").resolve(&scope()).expect_err("is no number");
        assert_eq!(error.to_string(), "expected a whole number, not what is in the secret");
    }

    #[test]
    fn a_condition_asks_whether_all_went_well_unless_it_asks_itself() {
        #[track_caller]
        fn case(source: &str, expected: [bool; 3]) {
            let condition = Condition::new(source.to_owned(), 0..source.len());
            let held = [Status::Success, Status::Failure, Status::Cancelled].map(|status| {
                condition.holds(&scope().with_status(status)).expect("is an expression")
            });
            assert_eq!(held, expected, "{source}");
        }
        case("true", [true, false, false]);
        case("pr.number == 12", [true, false, false]);
        case("pr.slug", [false, false, false]);
        case("secrets.pass", [true, false, false]);
        case("success()", [true, false, false]);
        case("failure()", [false, true, false]);
        case("Cancelled()", [false, false, true]);
        case("always()", [true, true, true]);
        case("pr.number == 12 && (failure() || cancelled())", [false, true, true]);
        case("'always()' != ''", [true, false, false]);
    }

    #[test]
    fn only_a_call_lets_a_step_run_after_a_failure() {
        #[track_caller]
        fn case(source: &str, expected: bool) {
            let condition = Condition::new(source.to_owned(), 0..source.len());
            assert_eq!(condition.runs_after_failure(), expected, "{source}");
        }
        case("always()", true);
        case("Failure() && vars.x == 'y'", true);
        case("!failure()", true);
        case("env.MODE == 'failure-mode'", false);
        case("env.MODE == 'always()'", false);
        case("env.failure != ''", false);
        case("success()", false);
        case("failure(", false);
    }
}
