//! The logs that people read: in a terminal, in a file, in GitHub Actions.
//! All say the same words.

mod actions;
mod bars;
mod live;
mod plain;
pub(super) mod words;

pub use actions::ActionsLog;
pub use live::Live;
pub use plain::Plain;

use super::view::View;
use crate::event::StepId;
use std::collections::HashMap;
use std::time::Duration;

/// A step has a line about its transfer in each of these spans of time since it
/// began, and no second one: a log of an hour has 360.
const SPAN: Duration = Duration::from_secs(10);

/// Lets a line about a transfer through from time to time.
#[derive(Debug, Default)]
struct Throttle {
    /// The span in which a line was shown last.
    told: HashMap<StepId, u128>,
}

impl Throttle {
    /// How far the step's transfer is, when it is time to say so again.
    fn progress(&mut self, view: &View, step: &StepId) -> Option<String> {
        let known = view.step(step)?;
        let span = view.at.saturating_sub(known.began?).as_millis() / SPAN.as_millis();
        if span <= self.told.get(step).copied().unwrap_or(0) {
            return None;
        }
        self.told.insert(step.clone(), span);
        Some(words::moved(known.transfer.as_ref()?, view.at))
    }
}

/// How wide the column of the steps' ids is. A very long id does not make it
/// wider.
fn width(view: &View) -> usize {
    let ids = view.steps.iter().map(|step| step.planned.id.to_string().chars().count());
    ids.max().unwrap_or(0).min(24)
}
