//! What the state of a run is told, and what it answers.

use crate::event::{CancelReason, EventKind, Failure, Outputs, Rollback};
use crate::run::layout::StepIndex;
use crate::run::outcome::AttemptError;
use std::time::Duration;

#[derive(Debug)]
pub enum Input {
    /// The first input.
    Begin,
    /// The answer to [`Effect::Decide`].
    Decided { step: StepIndex, decision: Decision },
    /// An attempt ended at this time. Errors and outputs are redacted.
    Ended { step: StepIndex, result: Result<(), AttemptError>, outputs: Outputs, at: Duration },
    /// The wait before another attempt is over.
    WaitOver { step: StepIndex },
    /// A deploy recorded what it is about to replace, to have it put back if its
    /// service fails.
    Replaces { step: StepIndex },
    /// The reply to [`Effect::RollBack`].
    RolledBack { rollback: Box<Rollback>, step: StepIndex },
    /// A signal or another reason to stop.
    Stop(CancelReason),
}

/// The value of a step's `if`.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The step runs. With `tolerant`, its failure does not fail the run.
    Run { tolerant: bool },
    /// The `if` is false.
    Skip,
    /// The `if` cannot be evaluated.
    Broken(Failure),
}

/// What `success()` and `failure()` in an `if` answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DependencyStatus {
    /// The earlier steps of the service and the services it needs have succeeded.
    pub success: bool,
    /// At least one of them failed.
    pub failure: bool,
}

/// Something for the loop to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Evaluate the step's `if` and reply with [`Input::Decided`].
    Decide { step: StepIndex, status: DependencyStatus },
    /// Write to the journal that the step is attempted, then attempt it.
    Attempt { step: StepIndex, attempt: u32 },
    /// Reply with [`Input::WaitOver`] after this time.
    Wait { step: StepIndex, wait: Duration },
    /// Write to the journal that the deploy is rolled back, roll it back, and reply with
    /// [`Input::RolledBack`].
    RollBack { step: StepIndex },
    /// Ask the attempt to end.
    Ask { step: StepIndex },
    /// End the attempt or the rollback without a grace period.
    Kill { step: StepIndex },
}

/// The result of an input.
#[must_use]
#[derive(Debug, Default)]
pub struct Answer {
    /// To be carried out in order.
    pub effects: Vec<Effect>,
    /// To be published in order, before the effects.
    pub events: Vec<EventKind>,
}
