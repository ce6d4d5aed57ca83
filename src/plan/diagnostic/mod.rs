//! What is wrong with a plan, and how that is shown.
//!
//! A [`Diagnostic`] is data with places in the text. It is drawn in three ways:
//! [`render`] for people, [`render_json`] for programs, [`render_github`] as
//! annotations of a GitHub job. Nothing here knows what a plan means.

mod closest;
mod github;
mod json;
mod lines;
mod render;

pub use closest::closest;
pub use github::render_github;
pub use json::render_json;
pub use lines::Lines;
pub use render::render;

use super::span::Span;

/// How many diagnostics are shown at most. Whoever has made more mistakes than
/// this will look at the first few.
pub const SHOWN: usize = 50;

/// One thing that is wrong with a plan, or may be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Stable, documented, searchable: `unknown-key`.
    pub code: &'static str,
    /// Whether the plan can be run all the same.
    pub severity: Severity,
    /// One line, no full stop, names in backticks.
    pub message: String,
    /// Where it is.
    pub primary: Label,
    /// What else has to do with it.
    pub related: Vec<Label>,
    /// What to do about it. May have several lines.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The plan cannot be run.
    Error,
    /// It can, but hardly as it was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in the text and what is to be said about it there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    /// Where. What spans several lines is shown by its first.
    pub span: Span,
    /// A few words, or nothing.
    pub text: String,
}

impl Diagnostic {
    /// A mistake, with nothing but its place.
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

    /// A doubt, with nothing but its place.
    pub fn warning(code: &'static str, message: impl Into<String>, span: &Span) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, span) }
    }

    /// Says something at the place itself.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Shows another place too.
    #[must_use]
    pub fn also(mut self, span: &Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span: span.clone(), text: text.into() });
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Asks whether another word was meant, where one is near.
    #[must_use]
    pub fn suggest<'k>(self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        match closest(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Whether the plan cannot be run because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Puts diagnostics in the order of the text, each once: what an alias repeats
/// is wrong in one place only.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.primary.span.start, d.primary.span.end, d.severity);
        key(a).cmp(&key(b)).then_with(|| a.code.cmp(b.code)).then_with(|| a.message.cmp(&b.message))
    });
    diagnostics.dedup();
}

/// What is said about those that are not shown.
fn and_more(all: usize) -> Option<String> {
    (all > SHOWN).then(|| format!("and {} more", all - SHOWN))
}
