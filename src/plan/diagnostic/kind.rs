//! The type of a diagnostic.

use super::closest::closest;
use crate::plan::span::Span;

/// How many diagnostics are shown at most: with more mistakes than this, only
/// the first few are looked at.
pub const MAX_SHOWN: usize = 50;

/// One thing that is wrong with a plan, or may be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Stable, documented, searchable: `unknown-key`.
    pub code: &'static str,
    /// Whether the plan can be run all the same.
    pub severity: Severity,
    /// One line, no full stop, names in backticks.
    pub message: String,
    /// The place of the mistake.
    pub primary: Label,
    /// Further places that have to do with it.
    pub related: Vec<Label>,
    /// The remedy. May have several lines.
    pub help: Option<String>,
}

/// Whether a plan can be run all the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The plan cannot be run.
    Error,
    /// The plan can be run, but probably not as it was meant.
    Warning,
}

impl Severity {
    /// As it is spelled in all output formats.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in the text, and what is drawn beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    /// Of a span over several lines the first is drawn.
    pub span: Span,
    /// A few words, or empty.
    pub text: String,
}

impl Diagnostic {
    /// A mistake at a place.
    pub fn error(code: &'static str, message: impl Into<String>, span: &Span) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label { span: span.clone(), text: String::new() },
            related: Vec::new(),
            help: None,
        }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, message: impl Into<String>, span: &Span) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, span) }
    }

    /// Sets the text that is drawn at the place itself.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds another place that has to do with it.
    #[must_use]
    pub fn also(mut self, span: &Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span: span.clone(), text: text.into() });
        self
    }

    /// Sets the remedy, of one or several lines.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Sets the remedy to the nearest known word, if one is near.
    #[must_use]
    pub fn suggest<'k>(self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        match closest(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Whether it makes the plan unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts diagnostics in the order of the text and drops duplicates, which come
/// from YAML aliases: what they repeat is wrong in one place.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.primary.span.start, d.primary.span.end, d.severity);
        key(a).cmp(&key(b)).then_with(|| a.code.cmp(b.code)).then_with(|| a.message.cmp(&b.message))
    });
    diagnostics.dedup();
}

/// The line about those that are not shown, if there are any.
pub fn and_more(all: usize) -> Option<String> {
    (all > MAX_SHOWN).then(|| format!("and {} more", all - MAX_SHOWN))
}
