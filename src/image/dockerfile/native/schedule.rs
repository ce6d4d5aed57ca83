//! Builds the stages of a Dockerfile, several at once where none of them needs another.

use super::error::NativeError;
use super::select::{SelectedStage, StageBase};
use super::stage::{FinishedStages, Stage};
use crate::image::layers::threads;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Builds one stage, given those that it needs.
pub trait StageBuilder: Sync {
    fn build(&self, number: usize, finished: &FinishedStages) -> Result<Stage, NativeError>;

    /// Called when a stage has failed, while others may go on.
    fn stop_others(&self);
}

/// Builds all stages on as many threads as there are processors. The first error is
/// returned, once the other stages have ended.
pub fn build_stages(
    stages: &BTreeMap<usize, SelectedStage>,
    builder: &dyn StageBuilder,
) -> Result<FinishedStages, NativeError> {
    let state = ScheduleState {
        waiting: stages.keys().copied().collect(),
        finished: BTreeMap::new(),
        failure: None,
        has_ended: false,
    };
    let schedule =
        Schedule { stages, builder, state: Mutex::new(state), changed: Condvar::default() };
    thread::scope(|scope| {
        for _ in 1..threads().min(stages.len()) {
            scope.spawn(|| schedule.work());
        }
        schedule.work();
    });
    let state = schedule.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failure.map_or(Ok(state.finished), Err)
}

struct Schedule<'a> {
    stages: &'a BTreeMap<usize, SelectedStage>,
    builder: &'a dyn StageBuilder,
    state: Mutex<ScheduleState>,
    changed: Condvar,
}

struct ScheduleState {
    waiting: BTreeSet<usize>,
    finished: FinishedStages,
    failure: Option<NativeError>,
    /// Whether no further stage begins.
    has_ended: bool,
}

impl Schedule<'_> {
    /// Builds one stage after the other, until none is left.
    fn work(&self) {
        let _end = EndOnPanic(self);
        while let Some((number, finished)) = self.next() {
            let built = self.builder.build(number, &finished);
            let mut state = self.lock();
            match built {
                Ok(stage) => {
                    state.finished.insert(number, Arc::new(stage));
                }
                Err(error) => {
                    if state.failure.is_none() {
                        state.failure = Some(error);
                        state.has_ended = true;
                        self.builder.stop_others();
                    }
                }
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for a stage that can be built, the first of them.
    fn next(&self) -> Option<(usize, FinishedStages)> {
        let mut state = self.lock();
        loop {
            if state.has_ended || state.waiting.is_empty() {
                return None;
            }
            let is_ready = |number: &&usize| {
                needed(&self.stages[*number]).all(|needed| state.finished.contains_key(&needed))
            };
            if let Some(number) = state.waiting.iter().find(is_ready).copied() {
                state.waiting.remove(&number);
                return Some((number, state.finished.clone()));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ScheduleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stages that a stage takes files from.
fn needed(stage: &SelectedStage) -> impl Iterator<Item = usize> {
    let of = |base: &StageBase| match base {
        StageBase::Stage(number) => Some(*number),
        StageBase::Scratch | StageBase::Image(_) => None,
    };
    std::iter::once(&stage.base).chain(stage.froms.values()).filter_map(of)
}

/// Lets the other threads end where one panics, which its scope then passes on.
struct EndOnPanic<'a>(&'a Schedule<'a>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().has_ended = true;
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StageBuilder, build_stages};
    use crate::image::dockerfile::native::error::NativeError;
    use crate::image::dockerfile::native::select::{SelectedStage, StageBase};
    use crate::image::dockerfile::native::stage::{FinishedStages, Stage};
    use crate::image::layers::LayerError;
    use crate::oci::Platform;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn stages(all: &[(&[usize], StageBase)]) -> BTreeMap<usize, SelectedStage> {
        let stage = |(froms, base): &(&[usize], StageBase)| SelectedStage {
            base: base.clone(),
            platform: Platform::default(),
            froms: froms.iter().map(|from| (from.to_string(), StageBase::Stage(*from))).collect(),
        };
        all.iter().map(stage).enumerate().collect()
    }

    #[derive(Default)]
    struct Recorded {
        order: Mutex<Vec<(usize, Vec<usize>)>>,
        fails: Option<usize>,
        is_stopped: AtomicBool,
    }

    impl StageBuilder for Recorded {
        fn build(&self, number: usize, finished: &FinishedStages) -> Result<Stage, NativeError> {
            let finished = finished.keys().copied().collect();
            self.order.lock().expect("no panic").push((number, finished));
            if self.fails == Some(number) {
                return Err(LayerError::Stopped.into());
            }
            Ok(Stage::scratch(Platform::default()))
        }

        fn stop_others(&self) {
            self.is_stopped.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn stage_waits_for_those_that_it_needs() {
        let all = stages(&[
            (&[], StageBase::Scratch),
            (&[], StageBase::Image(0)),
            (&[1], StageBase::Stage(0)),
            (&[], StageBase::Stage(2)),
        ]);
        let recorded = Recorded::default();

        let finished = build_stages(&all, &recorded).expect("built");

        assert_eq!(finished.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
        let order = recorded.order.into_inner().expect("no panic");
        assert_eq!(order[2..], [(2, vec![0, 1]), (3, vec![0, 1, 2])]);
        assert!(!recorded.is_stopped.into_inner());
    }

    #[test]
    fn no_stage_begins_after_a_failure() {
        let all = stages(&[(&[], StageBase::Scratch), (&[], StageBase::Stage(0))]);
        let recorded = Recorded { fails: Some(0), ..Recorded::default() };

        let failed = build_stages(&all, &recorded).err().map(|error| error.to_string());

        assert_eq!(failed, Some(NativeError::from(LayerError::Stopped).to_string()));
        assert_eq!(recorded.order.into_inner().expect("no panic"), [(0, vec![])]);
        assert!(recorded.is_stopped.into_inner());
    }
}
