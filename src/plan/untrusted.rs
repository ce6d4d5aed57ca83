//! Entry points for the fuzz targets: plans and expressions.

use super::check::unfit_values;
use super::diagnostic::{Diagnostic, render_github, render_json, render_plan, render_sarif};
use super::expr::{Object, Rendered, Scope, Taint, Value};
use super::read::read_files;
use super::schema::{Part, Text};
use super::span::{Span, Spanned};
use crate::secret::Redactor;

/// A plan as `shipway check` looks at it.
pub struct CheckedPlan {
    /// The text that the spans are ranges of.
    pub text: String,
    /// The code and the spans of each mistake and warning.
    pub found: Vec<(&'static str, Vec<Span>)>,
    pub has_error: bool,
    /// Whether a plan came out.
    pub has_plan: bool,
    /// Whether a value of the plan that came out is refused.
    pub has_unfit_values: bool,
    /// What is drawn for people and for GitHub.
    pub drawn: [String; 2],
    /// JSON and SARIF.
    pub documents: [String; 2],
}

/// Checks a plan. The files that it includes are `others`, in the order in which they are
/// opened.
pub fn check(plan: &[u8], others: &[&[u8]]) -> CheckedPlan {
    let mut others = others.iter();
    let mut open = |_: &str| others.next().map(|it| it.to_vec()).ok_or_else(|| "no".to_owned());
    let (text, reading) = read_files("shipway.yml", plan, &mut open);
    let mut found = reading.diagnostics;
    let mut unfit = reading.plan.as_ref().map(unfit_values).unwrap_or_default();
    let has_unfit_values = unfit.iter().any(Diagnostic::is_error);
    found.append(&mut unfit);
    let spans = |one: &Diagnostic| {
        let labels = std::iter::once(&one.primary).chain(&one.related);
        labels.map(|label| label.span.clone()).collect()
    };
    CheckedPlan {
        has_error: found.iter().any(Diagnostic::is_error),
        has_plan: reading.plan.is_some(),
        has_unfit_values,
        drawn: [render_plan(&text, &found, true), render_github(&text, &found)],
        documents: [render_json(&text, &found), render_sarif(&text, &found)],
        found: found.iter().map(|one| (one.code, spans(one))).collect(),
        text: text.text().to_owned(),
    }
}

/// The value of an expression.
#[derive(Debug)]
pub enum Evaluated {
    Plain(String),
    /// A secret went into it.
    Secret(String),
    Refused {
        message: String,
        span: Span,
    },
}

/// Evaluates an expression over a few contexts: `github.event` is `event`, `secrets.token`
/// is `secret`.
pub fn evaluate(source: &str, event: &serde_json::Value, secret: &str) -> Evaluated {
    let github = Object::default().with("event", event).with("ref", "refs/heads/main");
    let token = Value::from(secret).tainted(&Taint::from_secret("secrets.token"));
    let scope = Scope::new(Redactor::default())
        .with("github", github)
        .with("vars", Object::default().with("cpu", 2.0).with("label", "shop"))
        .with("secrets", Object::default().with("token", token));
    let expression = Spanned::new(source.to_owned(), 0..source.len());
    let text = Text {
        source: source.to_owned().into(),
        span: 0..source.len(),
        parts: vec![Part::Expression(expression)],
    };
    match text.render(&scope) {
        Ok(Rendered::Plain(text)) => Evaluated::Plain(text),
        Ok(Rendered::Secret(secret)) => Evaluated::Secret(secret.expose().to_owned()),
        Err(error) => Evaluated::Refused { message: error.message, span: error.span },
    }
}
