//! What is to be run: the shape alone, as the state and the engine take it.

use crate::event::StepId;
use crate::plan::schema::RetryPolicy;

/// The place of a step in [`Layout::steps`].
pub type StepIndex = usize;

/// What is to be run: the shape alone.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// In the plan's order.
    pub services: Vec<ServiceLayout>,
    /// All steps of all services.
    pub steps: Vec<StepLayout>,
}

/// One service.
#[derive(Clone, Debug)]
pub struct ServiceLayout {
    /// Its name.
    pub name: String,
    /// Places of the services it needs.
    pub needs: Vec<usize>,
    /// Its steps, in order.
    pub steps: Vec<StepIndex>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct StepLayout {
    /// Its id.
    pub id: StepId,
    /// The place of its service in [`Layout::services`].
    pub service: usize,
    /// How often it is tried.
    pub policy: RetryPolicy,
    /// Its `if` calls `always()` or `failure()`, so that a failure does not
    /// settle it.
    pub runs_after_failure: bool,
    /// An earlier process of this run did it.
    pub done_before: bool,
}
