//! The result of a run.

use super::{Loop, Summary};
use crate::event::{
    CancelReason, OutputName, Outputs, Rollback, RollbackOutcome, ServiceResult, StepId,
};
use crate::run::service_end::ServiceEnd;
use crate::run::store::Store;

impl Loop<'_> {
    pub(super) fn summary(self) -> Summary {
        let services = 0..self.state.layout().services.len();
        Summary {
            status: self.state.status(),
            cancelled: self.state.cancelled().filter(|&reason| reason > CancelReason::StepFailed),
            journal_failed: self.journal_failed.clone(),
            services: services.map(|service| self.result(service)).collect(),
        }
    }

    fn result(&self, service: usize) -> ServiceResult {
        let layout = &self.state.layout().services[service];
        let ids: Vec<StepId> = layout.steps.iter().map(|&step| self.id(step)).collect();
        let spans = || ids.iter().filter_map(|id| self.spans.get(id));
        let start = spans().map(|(start, _)| *start).min().unwrap_or_default();
        let end = spans().map(|(_, end)| *end).max().unwrap_or_default();
        // The layout has only the chosen services, so their indices in the plan differ.
        let planned = layout.steps.first().map(|&step| self.engine.places[step].0);
        let outputs = planned
            .map(|planned| self.engine.store.of_service(&self.engine.performer, planned))
            .unwrap_or_default();
        let mut outputs = Store::shown(&outputs, &self.engine.performer.services.redactor);
        let rollbacks = self.state.rollbacks(service);
        // The last deploy, which the outputs are of, is rolled back first.
        if let Some(rollback) = rollbacks.first() {
            follow(&mut outputs, rollback);
        }
        let ServiceEnd { status, missing, reason } = self.state.service_end(service);
        ServiceResult {
            name: layout.name.clone(),
            status,
            missing,
            reason,
            outputs,
            took: end.saturating_sub(start),
            failure: self.state.failure(service).cloned(),
            rollbacks,
        }
    }
}

/// Makes the addresses among the outputs those of what runs now.
fn follow(outputs: &mut Outputs, rollback: &Rollback) {
    match rollback.outcome {
        RollbackOutcome::Removed => {
            for name in [OutputName::Url, OutputName::Urls, OutputName::Fqdn, OutputName::Ip] {
                outputs.remove(name);
            }
        }
        RollbackOutcome::RolledBack { .. }
        | RollbackOutcome::Kept
        | RollbackOutcome::Unchanged { .. }
        | RollbackOutcome::Failed { .. } => {}
    }
    // The deploy that failed has no outputs.
    if let Some(url) = rollback.url.as_ref().filter(|_| outputs.get(OutputName::Url).is_none()) {
        outputs.set(OutputName::Url, url.clone());
    }
}
