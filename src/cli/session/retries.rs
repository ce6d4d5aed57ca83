//! Says that a request before the first step, or without any, is made again, and why.

use crate::cli::say;
use crate::run::perform::Retries;
use crate::secret::Redactor;
use std::sync::Arc;

/// Retries that are said on standard error: there is no run yet whose reports
/// could show them.
pub fn retries(redactor: &Redactor) -> Retries {
    told("preflight  retry  ", redactor)
}

/// The same for commands that only look.
pub fn retries_outside_of_runs(redactor: &Redactor) -> Retries {
    told("note: ", redactor)
}

fn told(head: &'static str, redactor: &Redactor) -> Retries {
    let redactor = redactor.clone();
    Retries::new(Arc::new(move |failed| {
        say::tell(&redactor.redact(&format!("{head}{failed}")));
    }))
}
