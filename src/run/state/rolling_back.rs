//! The rollbacks of a run: which service waits for one, and what became of it.

use super::rollback::{RollbackPhase, ServiceStep, to_roll_back};
use super::{Answer, Effect, RunState};
use crate::event::{CancelReason, EventKind, Rollback, RollbackOutcome};
use crate::run::layout::StepIndex;

impl RunState {
    /// The rollbacks of a service that have ended, the last deploy first.
    pub fn rollbacks(&self, service: usize) -> Vec<Rollback> {
        let steps = self.layout.services[service].steps.iter().rev();
        steps.filter_map(|&step| self.rollbacks[step].done().cloned()).collect()
    }

    /// A rollback that an earlier process began means that its service has failed: at
    /// the step that failed, else, where the run was stopped, at the deploy.
    pub(super) fn blame_unfinished_rollbacks(&mut self) {
        for (deploy, phase) in self.rollbacks.iter().enumerate() {
            if !matches!(phase, RollbackPhase::Begun) {
                continue;
            }
            let service = self.layout.steps[deploy].service;
            let has_failed = |&&step: &&StepIndex| {
                let ended = self.layout.steps[step].ended_before.as_ref();
                ended.is_some_and(|outcome| outcome.fatal().is_some())
            };
            let steps = &self.layout.services[service].steps;
            let step = steps.iter().find(has_failed).copied().unwrap_or(deploy);
            self.blamed[service].get_or_insert(step);
            self.failed.get_or_insert(step);
        }
    }

    pub(super) fn is_rolling_back(&self, service: usize) -> bool {
        let steps = &self.layout.services[service].steps;
        steps.iter().any(|&step| self.rollbacks[step].is_running())
    }

    /// Whether what a service deployed does not run any more.
    pub(super) fn is_rolled_back(&self, service: usize) -> bool {
        self.rollbacks(service).iter().any(|rollback| match rollback.outcome {
            RollbackOutcome::RolledBack { .. }
            | RollbackOutcome::Removed
            | RollbackOutcome::Superseded { .. }
            | RollbackOutcome::Failed { .. } => true,
            RollbackOutcome::Kept | RollbackOutcome::Unchanged { .. } => false,
        })
    }

    /// The deploy of a service that is to be rolled back now. What earlier processes
    /// did is reported first.
    pub(super) fn next_rollback(&self, service: usize) -> Option<StepIndex> {
        let indices = &self.layout.services[service].steps;
        let next = indices.iter().find(|&&step| !self.is_done(step));
        let is_reported = next.is_none_or(|&step| {
            let layout = &self.layout.steps[step];
            !layout.done_before && layout.ended_before.is_none()
        });
        if !is_reported {
            return None;
        }
        let step = |&step: &StepIndex| ServiceStep {
            goal: self.layout.steps[step].goal,
            end: self.end_of(step),
            rollback: &self.rollbacks[step],
        };
        let steps: Vec<ServiceStep<'_>> = indices.iter().map(step).collect();
        to_roll_back(&steps).map(|place| indices[place])
    }

    pub(super) fn begin_rollback(&mut self, step: StepIndex, answer: &mut Answer) {
        self.rollbacks[step] = RollbackPhase::Running { since: self.now };
        answer.effects.push(Effect::RollBack { step });
        if self.cancel.reason() == Some(CancelReason::Killed) {
            // Only its beginning is recorded, so that it can be resumed.
            answer.effects.push(Effect::Kill { step });
        }
    }

    pub(super) fn rolled_back(
        &mut self,
        step: StepIndex,
        rollback: Box<Rollback>,
        answer: &mut Answer,
    ) {
        let RollbackPhase::Running { since } = self.rollbacks[step] else { return };
        let took = self.now.saturating_sub(since);
        answer.events.push(EventKind::RollbackFinished { rollback: rollback.clone(), took });
        self.rollbacks[step] = RollbackPhase::Done(rollback);
    }
}
