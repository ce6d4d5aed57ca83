//! What an attempt hands to the loop: what it gave, or why it did not work.

use crate::event::{Failure, Place};
use crate::http::{Retry, Retryable};
use crate::journal::Handover;
use crate::plan::expr::{EvalError, Rendered};
use crate::plan::span::Span;
use crate::secret::Redactor;
use std::error::Error;
use std::time::Duration;

/// What a step gave, by name, secrets still secret.
pub type Given = Vec<(String, Rendered)>;

/// An attempt that worked.
#[derive(Clone, Debug, Default)]
pub struct StepOutput {
    /// Its outputs, as the design's table lists them.
    pub outputs: Given,
    /// What the service's later steps take from here.
    pub handover: Handover,
}

/// An attempt that did not.
#[derive(Debug)]
pub enum AttemptError {
    /// It went wrong.
    Failed(Box<StepError>),
    /// It was stopped, as asked.
    Stopped,
    /// It took longer than this.
    TimedOut(Duration),
}

/// What went wrong.
#[derive(Clone, Debug)]
pub struct StepError {
    /// In words, not redacted yet.
    pub failure: Box<Failure>,
    /// Whether it may be tried again.
    pub retry: Retry,
    /// Where in the plan's text, when it is not the step as a whole.
    pub span: Option<Span>,
}

impl StepError {
    /// Something that will not get better by trying again.
    pub fn new(message: impl Into<String>) -> Self {
        let failure = Failure { chain: vec![message.into()], ..Failure::default() };
        Self { failure: Box::new(failure), retry: Retry::Never, span: None }
    }

    /// A client's error with its causes, help and retry class. A cause of several
    /// lines is shown as details.
    pub fn from_error(error: &impl Retryable) -> Self {
        let (long, chain): (Vec<_>, Vec<_>) =
            chain_of(error).into_iter().partition(|cause| cause.contains('\n'));
        let details = long.iter().flat_map(|cause| cause.lines()).map(str::to_owned).collect();
        let failure = Failure { chain, details, help: error.help(), place: None };
        Self { failure: Box::new(failure), retry: error.retry(), span: None }
    }

    /// Puts what was being done before it all.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        self.failure.chain.insert(0, what.into());
        self
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.failure.chain.push(why.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.failure.help = Some(help.into());
        self
    }

    /// Adds lines that show it: the last exchange, events, log lines.
    #[must_use]
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.failure.details.extend(lines);
        self
    }

    /// Says whether it may be tried again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The failure as all may see it, at its place in the plan.
    pub fn shown(self, redactor: &Redactor, place: Option<Place>) -> Failure {
        let failure = *self.failure;
        let redact = |lines: Vec<String>| lines.iter().map(|line| redactor.redact(line)).collect();
        Failure {
            chain: redact(failure.chain),
            details: redact(failure.details),
            help: failure.help.map(|help| redactor.redact(&help)),
            place,
        }
    }
}

impl<E: Retryable> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::from_error(&error)
    }
}

impl<E: Retryable> From<E> for AttemptError {
    fn from(error: E) -> Self {
        StepError::from_error(&error).into()
    }
}

impl From<StepError> for AttemptError {
    fn from(trouble: StepError) -> Self {
        Self::Failed(Box::new(trouble))
    }
}

impl From<EvalError> for AttemptError {
    fn from(error: EvalError) -> Self {
        StepError::from(error).into()
    }
}

impl From<EvalError> for StepError {
    fn from(error: EvalError) -> Self {
        let mut trouble = Self::new(error.message);
        trouble.failure.help = error.help;
        trouble.span = Some(error.span);
        trouble
    }
}

/// An error and its causes, outermost first, each said once.
pub fn chain_of(error: &dyn Error) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if chain.last() != Some(&said) {
            chain.push(said);
        }
        next = cause.source();
    }
    chain
}
