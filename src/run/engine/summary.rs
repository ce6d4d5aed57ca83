//! The result of a run.

use super::{Loop, Summary};
use crate::event::{
    OutputName, Outputs, Revision, Rollback, RollbackOutcome, ServiceResult, StepId,
};
use crate::run::service_end::ServiceEnd;
use crate::run::store::Store;

impl Loop<'_> {
    pub(super) fn summary(self) -> Summary {
        let services = 0..self.state.layout().services.len();
        Summary {
            status: self.state.status(),
            cancelled: self.state.cancellation().stopped_by(),
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
        let withdrawn = rollbacks.first().and_then(|rollback| follow(&mut outputs, rollback));
        let ServiceEnd { status, missing, reason, also_missing } = self.state.service_end(service);
        let mut failures = self.state.failures(service).iter().cloned();
        ServiceResult {
            name: layout.name.clone(),
            status,
            missing,
            reason,
            also_missing,
            outputs,
            withdrawn,
            took: end.saturating_sub(start),
            failure: failures.next(),
            later_failures: failures.collect(),
            rollbacks,
        }
    }
}

/// Makes the address and the image among the outputs those of what runs now. Returns
/// the image that they were of, if it does not run.
fn follow(outputs: &mut Outputs, rollback: &Rollback) -> Option<String> {
    let (runs, goes) = match &rollback.outcome {
        RollbackOutcome::RolledBack { to } => (Some(to), true),
        RollbackOutcome::Unchanged { still } => (still.as_ref(), true),
        RollbackOutcome::Removed | RollbackOutcome::Superseded { .. } => (None, true),
        // Of a rollback that failed it is not known what runs.
        RollbackOutcome::Kept | RollbackOutcome::Failed { .. } => (None, false),
    };
    if rollback.outcome == RollbackOutcome::Removed {
        for name in [OutputName::Url, OutputName::Urls, OutputName::Fqdn, OutputName::Ip] {
            outputs.remove(name);
        }
    }
    // The deploy that failed has no outputs.
    if let Some(url) = rollback.url.as_ref().filter(|_| outputs.get(OutputName::Url).is_none()) {
        outputs.set(OutputName::Url, url.clone());
    }
    if !goes {
        return None;
    }
    let image = outputs.get(OutputName::Image).or_else(|| outputs.get(OutputName::Digest));
    let withdrawn = image.cloned();
    for name in [OutputName::Image, OutputName::Digest, OutputName::Tags] {
        outputs.remove(name);
    }
    if let Some(Revision { digest, image, .. }) = runs {
        let known = [(OutputName::Image, image), (OutputName::Digest, digest)];
        for (name, value) in
            known.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
        {
            outputs.set(name, value.clone());
        }
    }
    withdrawn
}

#[cfg(test)]
mod tests {
    use super::follow;
    use crate::event::{Failure, OutputName, Outputs, Revision, Rollback, RollbackOutcome, StepId};

    /// The image among the outputs, and the one that was withdrawn.
    fn after(outcome: RollbackOutcome) -> String {
        let mut outputs = Outputs::from([
            (OutputName::Image, "a.io/shop@sha256:new".to_owned()),
            (OutputName::Digest, "sha256:new".to_owned()),
            (OutputName::Tags, "v2".to_owned()),
        ]);
        let step = StepId { service: String::new(), step: "deploy".into() };
        let withdrawn = follow(&mut outputs, &Rollback { step, outcome, url: None });
        let shown: Vec<String> =
            outputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}; withdrawn: {}", shown.join(" "), withdrawn.as_deref().unwrap_or("nothing"))
    }

    #[test]
    fn the_image_after_a_rollback_is_the_one_that_runs() {
        let before = Revision {
            commit: None,
            digest: Some("sha256:old".into()),
            image: Some("a.io/shop@sha256:old".into()),
        };
        let back = "digest=sha256:old image=a.io/shop@sha256:old; withdrawn: a.io/shop@sha256:new";
        assert_eq!(after(RollbackOutcome::RolledBack { to: before.clone() }), back);
        assert_eq!(after(RollbackOutcome::Unchanged { still: Some(before.clone()) }), back);
        let gone = "; withdrawn: a.io/shop@sha256:new";
        assert_eq!(after(RollbackOutcome::Removed), gone);
        assert_eq!(after(RollbackOutcome::Unchanged { still: None }), gone);
        let stays = "digest=sha256:new image=a.io/shop@sha256:new tags=v2; withdrawn: nothing";
        assert_eq!(after(RollbackOutcome::Kept), stays);
        let failure = Failure::default();
        assert_eq!(after(RollbackOutcome::Failed { to: Some(before), failure }), stays);
    }
}
