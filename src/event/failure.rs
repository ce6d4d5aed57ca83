//! Errors as text, as events and the journal carry them.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An error as redacted text, so that it can be written to the journal and read
/// by a process that does not know the secrets.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failure {
    /// The error and its causes, outermost first.
    pub chain: Vec<String>,
    /// Further lines: the last HTTP exchange, events of the target, log lines.
    pub details: Vec<String>,
    /// The remedy.
    pub help: Option<String>,
    /// The position of the failed step in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlanPosition>,
}

impl Failure {
    /// The failure of an attempt that took longer than it was allowed to.
    pub fn of_timeout(limit: Duration) -> Self {
        let chain = vec![format!("it took longer than {} s", limit.as_secs_f64())];
        Self { chain, ..Self::default() }
    }
}

/// A position in the plan's text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PlanPosition {
    /// Relative to the repository's root if the plan is inside of one.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}
