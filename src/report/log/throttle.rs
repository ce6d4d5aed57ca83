//! Limits shared by the logs: the frequency of progress lines and the width of ids.

use super::words;
use crate::event::StepId;
use crate::report::text::columns;
use crate::report::view::View;
use std::collections::HashMap;
use std::time::Duration;

/// A transfer has at most one line in each interval since the start of its step, so a
/// log of an hour has 360.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// The most columns of a name in the live view.
pub(super) const MAX_ID_COLUMNS: usize = 24;

/// Limits the lines about the progress of transfers.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// The interval of the last line, by step.
    last: HashMap<StepId, u128>,
}

impl Throttle {
    /// The progress of the step's transfer, if a new interval has begun.
    pub(super) fn progress(&mut self, view: &View, step: &StepId) -> Option<String> {
        let known = view.step(step)?;
        let interval =
            view.at.saturating_sub(known.began?).as_millis() / PROGRESS_INTERVAL.as_millis();
        if interval <= self.last.get(step).copied().unwrap_or(0) {
            return None;
        }
        self.last.insert(step.clone(), interval);
        Some(words::moved(known.transfer.as_ref()?, view.at))
    }
}

/// Up to this, lines are aligned with the longest id of a step.
const MAX_ALIGNED_COLUMNS: usize = 40;

/// The width of the column with the ids of steps. Longer ids exceed it.
pub(super) fn width(view: &View) -> usize {
    let ids = view.steps.iter().map(|step| columns(&step.planned.id.to_string()));
    ids.filter(|&wide| wide <= MAX_ALIGNED_COLUMNS).max().unwrap_or(0)
}
