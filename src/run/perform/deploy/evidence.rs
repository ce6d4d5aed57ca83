//! What a deployed resource shows of itself, and how an error tells it.

use crate::run::outcome::StepError;

/// What a resource shows of why it does not work.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResourceEvidence {
    /// Its state, events and logs.
    pub lines: Vec<String>,
    /// The probable cause, in one line.
    pub cause: Option<String>,
    /// The remedy for that cause.
    pub help: Option<String>,
    /// The images that it runs.
    pub images: Vec<String>,
}

impl ResourceEvidence {
    /// Adds the evidence to an error. Its remedy replaces that of the error, which
    /// knows less.
    pub fn explain(self, error: StepError) -> StepError {
        let error = error.details(self.lines);
        let error = match self.cause {
            Some(cause) => error.because(cause),
            None => error,
        };
        match self.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}
