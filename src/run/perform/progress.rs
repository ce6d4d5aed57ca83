//! Emits progress events of a transfer, only for the layers that changed.

use super::performer::Job;
use super::say::Say;
use crate::event::{EventKind, LayerProgress, Progress, StepId, Verb};
use crate::progress::{self, Part};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Publishes the progress of one transfer.
pub struct ProgressReporter {
    step: StepId,
    verb: Verb,
    say: Say,
    last: Mutex<Option<Last>>,
}

/// The state of the last event.
struct Last {
    done: u64,
    layers: BTreeMap<String, u64>,
}

impl ProgressReporter {
    pub fn new(job: &Job, verb: Verb) -> Self {
        Self { step: job.id.clone(), verb, say: job.say.clone(), last: Mutex::new(None) }
    }

    /// Publishes what changed since the last call.
    pub fn report(&self, progress: progress::Progress) {
        let progress::Progress { done, total, parts } = progress;
        let layers =
            parts.into_iter().map(|Part { name, done, total }| LayerProgress { name, done, total });
        let progress = Progress { verb: self.verb, done, total, layers: layers.collect() };
        // Without room nothing is recorded, so that the next event has these changes too.
        self.say.event_if_room(|| {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let progress = delta(&mut last, progress)?;
            Some(EventKind::Progressed { step: self.step.clone(), progress })
        });
    }
}

/// The layers that changed since `last`. A transfer that stalls gives an event
/// without layers, so that a log can say so; one that is complete, or that has no
/// layers yet, gives none.
fn delta(last: &mut Option<Last>, mut progress: Progress) -> Option<Progress> {
    if last.is_none() && progress.layers.is_empty() {
        return None;
    }
    let Some(last) = last else {
        let layers = progress.layers.iter().map(|layer| (layer.name.clone(), layer.done));
        *last = Some(Last { done: progress.done, layers: layers.collect() });
        return Some(progress);
    };
    if progress.done == last.done && progress.done >= progress.total {
        return None;
    }
    last.done = progress.done;
    progress
        .layers
        .retain(|layer| last.layers.insert(layer.name.clone(), layer.done) != Some(layer.done));
    Some(progress)
}

#[cfg(test)]
mod tests {
    use super::delta;
    use crate::event::{LayerProgress, Progress, Verb};

    fn progress(layers: &[u64]) -> Progress {
        let layer = |(number, done): (usize, &u64)| LayerProgress {
            name: number.to_string(),
            done: *done,
            total: 10,
        };
        Progress {
            verb: Verb::Pushed,
            done: layers.iter().sum(),
            total: 10 * layers.len() as u64,
            layers: layers.iter().enumerate().map(layer).collect(),
        }
    }

    #[test]
    fn the_first_event_names_all_layers_and_later_ones_those_that_changed() {
        let mut last = None;
        let mut changed = |layers: &[u64]| {
            let delta = delta(&mut last, progress(layers))?;
            Some(delta.layers.iter().map(|layer| (layer.name.clone(), layer.done)).collect())
        };
        let named = |layers: &[(&str, u64)]| -> Option<Vec<(String, u64)>> {
            Some(layers.iter().map(|(name, done)| ((*name).to_owned(), *done)).collect())
        };

        assert_eq!(changed(&[]), None, "no layer is known");
        assert_eq!(changed(&[0, 10]), named(&[("0", 0), ("1", 10)]));
        assert_eq!(changed(&[4, 10]), named(&[("0", 4)]));
        assert_eq!(changed(&[4, 10]), named(&[]), "it stalls");
        assert_eq!(changed(&[0, 10]), named(&[("0", 0)]), "a layer is sent again");
        assert_eq!(changed(&[10, 10]), named(&[("0", 10)]));
        assert_eq!(changed(&[10, 10]), None, "it is complete");
        assert_eq!(changed(&[10, 10, 2]), named(&[("2", 2)]), "another layer");
    }
}
