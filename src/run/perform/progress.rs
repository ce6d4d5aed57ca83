//! Tells the run how far a transfer is: what moved, and not what did not.

use super::performer::{Job, Say};
use crate::event::{EventKind, LayerProgress, Progress, StepId, Verb};
use crate::progress::{self, Part};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What was told of one transfer so far.
pub(super) struct ProgressReporter {
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
    /// Nothing yet.
    pub(super) fn new(job: &Job, verb: Verb) -> Self {
        Self { step: job.id.clone(), verb, say: job.say.clone(), last: Mutex::new(None) }
    }

    /// Tells how far all of it is.
    pub(super) fn tell(&self, progress: progress::Progress) {
        let progress::Progress { done, total, parts } = progress;
        let layers =
            parts.into_iter().map(|Part { name, done, total }| LayerProgress { name, done, total });
        let progress = Progress { verb: self.verb, done, total, layers: layers.collect() };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = news(&mut last, progress) {
            (self.say)(EventKind::Progressed { step: self.step.clone(), progress });
        }
    }
}

/// What is new. That a transfer stands still is news, since a log has to say so;
/// that one which is complete does so is none, nor that nothing of it is known.
fn news(last: &mut Option<Last>, mut progress: Progress) -> Option<Progress> {
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
    use super::news;
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
    fn the_first_event_names_all_layers_and_each_other_those_that_moved() {
        let mut last = None;
        let mut told = |layers: &[u64]| {
            let news = news(&mut last, progress(layers))?;
            Some(news.layers.iter().map(|layer| (layer.name.clone(), layer.done)).collect())
        };
        let named = |layers: &[(&str, u64)]| -> Option<Vec<(String, u64)>> {
            Some(layers.iter().map(|(name, done)| ((*name).to_owned(), *done)).collect())
        };

        assert_eq!(told(&[]), None, "nothing of it is known");
        assert_eq!(told(&[0, 10]), named(&[("0", 0), ("1", 10)]));
        assert_eq!(told(&[4, 10]), named(&[("0", 4)]));
        assert_eq!(told(&[4, 10]), named(&[]), "it stands still");
        assert_eq!(told(&[0, 10]), named(&[("0", 0)]), "it begins again");
        assert_eq!(told(&[10, 10]), named(&[("0", 10)]));
        assert_eq!(told(&[10, 10]), None, "it is complete");
        assert_eq!(told(&[10, 10, 2]), named(&[("2", 2)]), "there is more of it");
    }
}
