//! The data that every attempt may use. It knows no action; see `dispatch`.

use super::facts::RunFacts;
use super::plan::RunPlan;
use super::services::Services;
use crate::event::{EventKind, StepId};
use crate::journal::Handover;
use crate::plan::expr::Scope;
use crate::run::child::Stop;
use std::sync::Arc;

/// Publishes an event of a step that is at work.
pub type Say = Arc<dyn Fn(EventKind) + Send + Sync>;

/// What is the same for all attempts of a run.
pub struct Performer {
    pub services: Services,
    pub facts: RunFacts,
    pub plan: RunPlan,
}

/// One attempt of one step.
pub struct Job {
    pub id: StepId,
    /// Index of the service in the plan.
    pub service: usize,
    /// Index of the step in the service.
    pub place: usize,
    /// What the service's earlier steps handed on.
    pub handover: Handover,
    /// The contexts of the step's expressions.
    pub scope: Scope,
    pub stop: Stop,
    pub say: Say,
}

impl Job {
    /// Publishes a line for the log.
    pub fn note(&self, message: impl Into<String>) {
        (self.say)(EventKind::Noted { step: self.id.clone(), message: message.into() });
    }

    pub fn warn(&self, message: impl Into<String>) {
        let step = Some(self.id.clone());
        (self.say)(EventKind::Warned { step, message: message.into() });
    }
}
