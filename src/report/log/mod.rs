//! The logs that people read: in a terminal, in a file, in GitHub Actions.
//! All say the same words.

mod actions;
mod live;
mod plain;
pub(super) mod words;

pub use actions::ActionsLog;
pub use live::Live;
pub use plain::Plain;

use super::view::View;
use crate::run::event::StepId;
use std::collections::HashMap;
use std::time::Duration;

/// How far apart two lines about one transfer are, in the run's time.
const BETWEEN_PROGRESS: Duration = Duration::from_secs(10);

/// Lets a line about a transfer through from time to time.
#[derive(Debug, Default)]
struct Throttle {
    told: HashMap<StepId, Duration>,
}

impl Throttle {
    /// How far the step's transfer is, when it is time to say so again.
    fn progress(&mut self, view: &View, step: &StepId) -> Option<String> {
        let known = view.step(step)?;
        let told = self.told.get(step).copied().or(known.began)?;
        if view.at.saturating_sub(told) < BETWEEN_PROGRESS {
            return None;
        }
        self.told.insert(step.clone(), view.at);
        Some(words::moving(known.transfer.as_ref()?))
    }
}

/// How wide the column of the steps' ids is. A very long id does not make it
/// wider.
fn width(view: &View) -> usize {
    let ids = view.steps.iter().map(|step| step.planned.id.to_string().chars().count());
    ids.max().unwrap_or(0).min(24)
}
