//! The result of an attempt, and the errors of each stage.
//!
//! 1. A client has its own error type, which implements `http::Retryable`.
//! 2. An action turns it into a [`StepError`]: the chain of causes, details and the
//!    remedy as text, whether a retry may help, and the position in the plan.
//! 3. An attempt ends with a [`StepOutput`] or an [`AttemptError`]: a `StepError`,
//!    a time-out, or a stop that was asked for.
//! 4. The engine redacts the error, and the state makes an
//!    [`Outcome`](crate::event::Outcome) of it once no attempt is left. From here
//!    on the error is a [`Failure`], which is all that events and journal see.

use crate::event::{Failure, Outputs, PlanPosition};
use crate::http::{Retry, Retryable};
use crate::journal::Handover;
use crate::plan::expr::{EvalError, Rendered};
use crate::plan::span::Span;
use crate::secret::Redactor;
use crate::value::CommandContext;
use std::error::Error;
use std::time::Duration;

/// The result of an attempt that succeeded.
#[derive(Clone, Debug, Default)]
pub struct StepOutput {
    pub outputs: Outputs<Rendered>,
    pub handover: Handover,
}

/// How an attempt ended without success.
#[derive(Debug)]
pub enum AttemptError {
    Failed(Box<StepError>),
    /// The run asked the attempt to stop.
    Stopped,
    /// The attempt took longer than the step's `timeout`. The error says so first.
    TimedOut {
        limit: Duration,
        error: Box<StepError>,
    },
}

/// The error of an action.
#[derive(Clone, Debug)]
pub struct StepError {
    /// Not redacted until [`StepError::shown`].
    pub failure: Box<Failure>,
    pub retry: Retry,
    /// The part of the plan's text at fault; the step as a whole if `None`.
    pub span: Option<Span>,
    /// The outputs that the attempt wrote before it failed.
    pub outputs: Outputs<Rendered>,
    /// Whether the command line is at fault.
    pub is_usage: bool,
}

impl StepError {
    /// An error that a retry does not help against.
    pub fn new(message: impl Into<String>) -> Self {
        let failure = Failure { chain: vec![message.into()], ..Failure::default() };
        Self::from_failure(failure, Retry::Never)
    }

    pub fn from_failure(failure: Failure, retry: Retry) -> Self {
        let failure = Box::new(failure);
        Self { failure, retry, span: None, outputs: Outputs::new(), is_usage: false }
    }

    /// A mistake in the command line.
    pub fn of_usage(message: impl Into<String>) -> Self {
        Self { is_usage: true, ..Self::new(message) }
    }

    /// The error of an attempt that took longer than `limit`.
    pub fn timed_out(limit: Duration) -> Self {
        Self::from_failure(Failure::of_timeout(limit), Retry::Never)
    }

    /// A client's error with its causes, help and retry class. A cause of several
    /// lines is shown as details.
    pub fn from_error(error: &impl Retryable) -> Self {
        let (long, chain): (Vec<_>, Vec<_>) =
            chain_of(error).into_iter().partition(|cause| cause.contains('\n'));
        let details = long.iter().flat_map(|cause| cause.lines()).map(str::to_owned).collect();
        let failure = Failure { chain, details, help: error.help(), place: None };
        Self::from_failure(failure, error.retry())
    }

    /// Adds what was being done as the outermost error.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        self.failure.chain.insert(0, what.into());
        self
    }

    /// Adds a cause, innermost.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.failure.chain.push(why.into());
        self
    }

    /// Sets the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.failure.help = Some(help.into());
        self
    }

    /// Sets the remedy where there is one.
    #[must_use]
    pub fn help_if(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// The error with commands in its remedy that can be pasted.
    #[must_use]
    pub fn completed(mut self, context: &CommandContext) -> Self {
        let help = self.failure.help.take();
        self.failure.help = help.map(|help| context.complete(&help));
        self
    }

    /// Adds lines of evidence: the last HTTP exchange, events, log lines.
    #[must_use]
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.failure.details.extend(lines);
        self
    }

    /// Sets the part of the plan at fault, unless a smaller one is set.
    #[must_use]
    pub fn at(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The failure, redacted, with its position in the plan.
    pub fn shown(self, redactor: &Redactor, place: Option<PlanPosition>) -> Failure {
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
    fn from(error: StepError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<EvalError> for AttemptError {
    fn from(error: EvalError) -> Self {
        StepError::from(error).into()
    }
}

impl From<EvalError> for StepError {
    fn from(error: EvalError) -> Self {
        let mut step_error = Self::new(error.message);
        step_error.failure.help = error.help;
        step_error.span = Some(error.span);
        step_error
    }
}

/// The messages of an error and its causes, outermost first, without repetitions.
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
