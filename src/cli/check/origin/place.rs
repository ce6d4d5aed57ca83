//! The places that give a value, and how they are shown.

use crate::cli::session::PlanSession;
use crate::plan::read_text;
use crate::plan::schema::{Environment, Plan};
use crate::plan::span::Span;
use std::fmt::Write as _;

/// A place that gives a value, the first of which counts.
pub struct Origin {
    /// In words that fit after "from".
    pub place: String,
    /// What stands there.
    pub text: Option<String>,
}

impl Origin {
    pub fn new(place: impl Into<String>) -> Self {
        Self { place: place.into(), text: None }
    }

    pub fn with(place: impl Into<String>, text: &str) -> Self {
        Self { place: place.into(), text: Some(text.to_owned()) }
    }
}

/// The value, and below it the places that give it.
pub fn listed(first: &str, origins: &[Origin]) -> String {
    let mut text = first.to_owned();
    for (at, Origin { place, text: given }) in origins.iter().enumerate() {
        let word = if at == 0 { "from" } else { "over" };
        write!(text, "\n  {word} {place}").unwrap_or_default();
        if let Some(given) = given {
            write!(text, ": `{given}`").unwrap_or_default();
        }
    }
    text
}

/// `shipway.yml:3:9`
pub fn position(span: &Span, session: &PlanSession) -> String {
    let place = session.file.source().place(span);
    format!("{}:{}:{}", place.file, place.line, place.column)
}

/// The chosen environment with its name.
pub fn own_settings(session: &PlanSession) -> Option<(&str, &Environment)> {
    let name = session.resolved.environment.as_ref()?.name.as_str();
    Some((name, session.plan.environments.get(name)?))
}

/// The plan as it is written, without what the environment says in place of it.
pub fn written(session: &PlanSession) -> Option<Plan> {
    read_text(&session.file.text).plan
}
