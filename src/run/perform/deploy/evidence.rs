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

/// The error of a version that is removed at once, so that `shipway logs` shows the log of
/// another.
pub fn of_removed(error: StepError, run: &str) -> StepError {
    let Some(help) = &error.failure.help else { return error };
    let parts: Vec<&str> = help.split("; ").collect();
    let kept = parts.iter().copied().filter(|part| !part.starts_with("`shipway logs`"));
    let mut kept: Vec<&str> = kept.collect();
    if kept.len() == parts.len() {
        return error;
    }
    let again = format!("`shipway report {run}` shows this again");
    kept.push(&again);
    let help = kept.join("; ");
    error.help(help)
}

impl ResourceEvidence {
    /// The same with the cause as what failed, where the error is only how that was noticed.
    pub fn lead(mut self, error: StepError) -> StepError {
        match self.cause.take() {
            Some(cause) => self.explain(error.while_doing(cause)),
            None => self.explain(error),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::of_removed;
    use crate::azure::LAST_LINES_REMEDY;
    use crate::run::outcome::StepError;

    #[test]
    fn log_of_a_version_that_is_removed_is_in_the_report() {
        let help =
            |text: &str| of_removed(StepError::new("it ended").help(text), "01k").failure.help;
        assert_eq!(
            help(LAST_LINES_REMEDY).as_deref(),
            Some("its last lines say why; `shipway report 01k` shows this again")
        );
        assert_eq!(
            help("`shipway logs` shows what it wrote").as_deref(),
            Some("`shipway report 01k` shows this again")
        );
        assert_eq!(help("give it longer").as_deref(), Some("give it longer"));
    }
}
