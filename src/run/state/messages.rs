//! Inputs and effects of the state of a run. The loop carries out each effect, and tells the
//! state how it ended:
//!
//! | effect | input that follows |
//! |---|---|
//! | [`Effect::Decide`] | [`Input::Decided`] |
//! | [`Effect::Attempt`] | [`Input::Ended`] |
//! | [`Effect::Wait`] | [`Input::WaitOver`] |
//! | [`Effect::RollBack`] | [`Input::RolledBack`] |
//! | [`Effect::Terminate`], [`Effect::Kill`] | the one of the attempt or rollback that it ends |
//!
//! [`Input::Begin`], [`Input::Stop`] and [`Input::ReplacementRecorded`] follow no effect.

use crate::event::{CancelReason, EventKind, Failure, Outputs, Rollback};
use crate::run::layout::StepIndex;
use crate::run::outcome::AttemptError;
use std::time::Duration;

/// What the state is told.
#[derive(Debug)]
pub enum Input {
    /// The first input.
    Begin,
    /// The `if` of a step was evaluated.
    Decided { step: StepIndex, decision: Decision },
    /// An attempt ended. Errors and outputs are redacted.
    Ended { step: StepIndex, result: Result<(), AttemptError>, outputs: Outputs },
    /// The wait before another attempt is over.
    WaitOver { step: StepIndex },
    /// A deploy recorded what it is about to replace, to have it put back if its
    /// service fails.
    ReplacementRecorded { step: StepIndex },
    /// A deploy was rolled back, or could not be.
    RolledBack { rollback: Box<Rollback>, step: StepIndex },
    /// A signal or another reason to stop.
    Stop(CancelReason),
}

/// The value of a step's `if`.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The step runs. With `tolerant`, which is its `continue-on-error`, its failure does not
    /// fail the run.
    Run { tolerant: bool },
    /// The `if` is false.
    Skip,
    /// The `if` cannot be evaluated.
    Broken(Failure),
}

/// What `success()` and `failure()` in an `if` answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DependencyStatus {
    /// No earlier step of the service and no service that it needs has failed.
    Success,
    /// At least one of them has.
    Failure,
}

/// Something for the loop to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Evaluate the step's `if`.
    Decide { step: StepIndex, status: DependencyStatus },
    /// Write to the journal that the step is attempted, then attempt it.
    Attempt { step: StepIndex, attempt: u32 },
    /// Let this time pass.
    Wait { step: StepIndex, wait: Duration },
    /// Write to the journal that the deploy is rolled back, and roll it back.
    RollBack { step: StepIndex },
    /// End the attempt, with a grace period for its children.
    Terminate { step: StepIndex },
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
