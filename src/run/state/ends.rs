//! How a run and its services ended, once all steps have.

use super::RunState;
use crate::event::{CancelReason, Failure, Status, StepId};
use crate::run::layout::{ServiceLayout, StepLayout};
use crate::run::service_end::{EndedStep, LeftOut, ServiceEnd, StepEnd};

impl RunState {
    /// How the run ended.
    pub fn status(&self) -> Status {
        match self.cancel.stopped_by() {
            Some(CancelReason::JournalFailed) => Status::Failed,
            Some(_) => Status::Cancelled,
            None if self.failed.is_some() => Status::Failed,
            None if self.prevents_steps() || self.did_nothing() => Status::Skipped,
            None => Status::Succeeded,
        }
    }

    /// How a service ended, once all steps have ended.
    pub fn service_end(&self, service: usize) -> ServiceEnd {
        let ServiceLayout { steps, excluded, has_check, left_out, .. } =
            &self.layout.services[service];
        if *left_out {
            return ServiceEnd::left_out();
        }
        let ended = steps.iter().filter_map(|&step| {
            let end = self.end_of(step)?;
            let StepLayout { id, goal, asks, .. } = &self.layout.steps[step];
            Some(EndedStep { step: &id.step, goal: *goal, asks, end })
        });
        let excluded: Vec<_> = excluded
            .iter()
            .map(|step| (step, StepEnd::LeftOut(LeftOut::Excluded(step.why.clone()))))
            .collect();
        let excluded = excluded.iter().map(|(step, end)| EndedStep {
            step: &step.id.step,
            goal: step.goal,
            asks: &step.asks,
            end,
        });
        let end = ServiceEnd::of(&ended.chain(excluded).collect::<Vec<_>>(), *has_check);
        if self.is_rolled_back(service) { end.rolled_back() } else { end }
    }

    /// Whether all services were skipped.
    fn did_nothing(&self) -> bool {
        let mut services = 0..self.layout.services.len();
        services.all(|service| self.service_end(service).status == Status::Skipped)
    }

    /// Whether a step is no part of the run without which it has not succeeded.
    fn prevents_steps(&self) -> bool {
        let mut excluded = self.layout.services.iter().flat_map(|service| &service.excluded);
        excluded.any(|step| step.why.prevents(step.goal))
    }

    /// The steps of a service whose failure is not tolerated, and their failures, in the
    /// order of time.
    pub fn failures(&self, service: usize) -> &[(StepId, Failure)] {
        &self.failures[service]
    }
}
