//! The services and steps of a run, without their content: what `state` needs.

use crate::event::StepId;
use crate::plan::schema::RetryPolicy;

/// An index in [`Layout::steps`].
pub type StepIndex = usize;

#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// In the plan's order.
    pub services: Vec<ServiceLayout>,
    /// The steps of all services.
    pub steps: Vec<StepLayout>,
}

#[derive(Clone, Debug)]
pub struct ServiceLayout {
    pub name: String,
    /// Indices in [`Layout::services`].
    pub needs: Vec<usize>,
    pub steps: Vec<StepIndex>,
}

#[derive(Clone, Debug)]
pub struct StepLayout {
    pub id: StepId,
    /// An index in [`Layout::services`].
    pub service: usize,
    pub policy: RetryPolicy,
    /// The `if` calls `always()` or `failure()`, so that the step may run after a
    /// failure.
    pub runs_after_failure: bool,
    /// An earlier process of this run did the step.
    pub done_before: bool,
}
