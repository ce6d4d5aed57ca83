//! What is known of a run so far: the fold of its events.
//!
//! Pure: no clock, no environment. Reporters draw it and nothing else.

use super::transfer::Transfer;
use crate::event::{
    CancelReason, Event, EventKind, Outcome, Outputs, PlannedStep, Reported, RunFinished,
    RunStarted, StepId,
};
use std::collections::VecDeque;
use std::time::Duration;

/// How many of a step's last lines are kept.
const TAIL: usize = 30;

/// A run as far as its events have told.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// How it began.
    pub started: Option<RunStarted>,
    /// In the plan's order; a step that the start did not list comes last.
    pub steps: Vec<StepView>,
    /// In the order they came.
    pub warnings: Vec<Warning>,
    /// Deployed groups that were put back, or were to be.
    pub rollbacks: Vec<Rollback>,
    /// Where the run was reported.
    pub reported: Vec<Reported>,
    /// Why it stops, the most urgent so far.
    pub cancelled: Option<CancelReason>,
    /// How it ended.
    pub finished: Option<RunFinished>,
    /// When the last event came.
    pub at: Duration,
}

/// A step as far as its events have told.
#[derive(Clone, Debug)]
pub struct StepView {
    /// What was known before it started.
    pub planned: PlannedStep,
    /// How far it is.
    pub state: StepState,
    /// When its first attempt began.
    pub began: Option<Duration>,
    /// The last transfer of this attempt.
    pub transfer: Option<Transfer>,
    /// The last lines its children wrote.
    pub tail: VecDeque<String>,
    /// What it said last of itself.
    pub note: Option<String>,
    /// What it gave.
    pub outputs: Outputs,
}

/// How far a step is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StepState {
    /// Its turn has not come.
    Waiting,
    /// It is at work.
    Running,
    /// An attempt failed; the next follows.
    Pausing {
        /// The attempt that failed, from 1.
        attempt: u32,
        /// How many there may be.
        of: u32,
        /// When the next one begins, since the run started.
        until: Duration,
    },
    /// It has ended.
    Finished {
        /// How.
        outcome: Outcome,
        /// From its first attempt on.
        took: Duration,
    },
}

/// Something worth a warning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The step it came from.
    pub step: Option<StepId>,
    /// What it says.
    pub message: String,
}

/// A deployed group that was put back, or was to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rollback {
    /// The step that had deployed it.
    pub step: StepId,
    /// Whether that worked.
    pub worked: bool,
    /// What was done.
    pub message: String,
}

impl View {
    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) {
        self.at = event.at;
        match &event.kind {
            EventKind::RunStarted(started) => {
                self.steps = started.steps.iter().cloned().map(StepView::new).collect();
                self.started = Some(started.clone());
            }
            EventKind::Warned { step, message } => {
                self.warnings.push(Warning { step: step.clone(), message: message.clone() });
            }
            EventKind::RunCancelled { reason } => {
                self.cancelled = self.cancelled.max(Some(*reason));
            }
            EventKind::RolledBack { step, worked, message } => self.rollbacks.push(Rollback {
                step: step.clone(),
                worked: *worked,
                message: message.clone(),
            }),
            EventKind::Reported(reported) => self.reported.push(reported.clone()),
            EventKind::RunFinished(finished) => self.finished = Some(finished.clone()),
            EventKind::StepStarted { step }
            | EventKind::OutputLine { step, .. }
            | EventKind::Noted { step, .. }
            | EventKind::Progressed { step, .. }
            | EventKind::AttemptFailed { step, .. }
            | EventKind::StepFinished { step, .. } => {
                let at = self.at;
                self.step_or_new(step).apply(at, &event.kind);
            }
        }
    }

    /// The step of that id.
    pub fn step(&self, id: &StepId) -> Option<&StepView> {
        self.steps.iter().find(|step| step.planned.id == *id)
    }

    /// The steps at work, the one that has been for longest first.
    pub fn running(&self) -> Vec<&StepView> {
        let mut running: Vec<&StepView> =
            self.steps.iter().filter(|step| step.is_running()).collect();
        running.sort_by_key(|step| step.began);
        running
    }

    fn step_or_new(&mut self, id: &StepId) -> &mut StepView {
        let at = self.steps.iter().position(|step| step.planned.id == *id).unwrap_or_else(|| {
            let title = id.step.clone();
            self.steps.push(StepView::new(PlannedStep { id: id.clone(), action: "", title }));
            self.steps.len() - 1
        });
        &mut self.steps[at]
    }
}

impl StepView {
    fn new(planned: PlannedStep) -> Self {
        Self {
            planned,
            state: StepState::Waiting,
            began: None,
            transfer: None,
            tail: VecDeque::new(),
            note: None,
            outputs: Outputs::new(),
        }
    }

    /// Whether it has started and not ended.
    pub fn is_running(&self) -> bool {
        matches!(self.state, StepState::Running | StepState::Pausing { .. })
    }

    fn apply(&mut self, at: Duration, kind: &EventKind) {
        self.state = StepState::Running;
        self.began = self.began.or(Some(at));
        match kind {
            EventKind::OutputLine { line, .. } => {
                if self.tail.len() == TAIL {
                    self.tail.pop_front();
                }
                self.tail.push_back(line.clone());
            }
            EventKind::Noted { message, .. } => self.note = Some(message.clone()),
            EventKind::Progressed { progress, .. } => {
                // A step that pulls and then packs does one after the other.
                self.transfer.take_if(|before| before.verb != progress.verb);
                let new = || Transfer::new(progress.verb);
                self.transfer.get_or_insert_with(new).apply(at, progress);
            }
            EventKind::AttemptFailed { attempt, of, retry_in, .. } => {
                self.transfer = None;
                let until = at.saturating_add(*retry_in);
                self.state = StepState::Pausing { attempt: *attempt, of: *of, until };
            }
            EventKind::StepFinished { outcome, took, outputs, .. } => {
                self.transfer = None;
                self.outputs.clone_from(outputs);
                self.state = StepState::Finished { outcome: outcome.clone(), took: *took };
            }
            EventKind::StepStarted { .. }
            | EventKind::RunStarted(_)
            | EventKind::Warned { .. }
            | EventKind::RunCancelled { .. }
            | EventKind::RolledBack { .. }
            | EventKind::Reported(_)
            | EventKind::RunFinished(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StepState, View};
    use crate::event::{CancelReason, EventKind, Outcome, Stream, Verb};
    use crate::report::testing::sample::{
        at, failure, finished, id, progressed, started, transfer,
    };
    use std::time::Duration;

    fn view(events: &[crate::event::Event]) -> View {
        let mut view = View::default();
        for event in events {
            view.apply(event);
        }
        view
    }

    #[test]
    fn steps_stand_in_the_plans_order_and_run_in_the_order_of_their_start() {
        let view = view(&[
            started(),
            at(1_000, EventKind::StepStarted { step: id("web", "push") }),
            at(2_000, EventKind::StepStarted { step: id("web", "build") }),
        ]);
        let all: Vec<String> = view.steps.iter().map(|step| step.planned.id.to_string()).collect();
        assert_eq!(all, ["web.build", "web.push", "web.live", "migrations.run"]);
        let running: Vec<String> =
            view.running().iter().map(|step| step.planned.id.to_string()).collect();
        assert_eq!(running, ["web.push", "web.build"]);
    }

    #[test]
    fn a_failed_attempt_pauses_until_something_happens() {
        let failed = EventKind::AttemptFailed {
            step: id("web", "push"),
            attempt: 1,
            of: 4,
            failure: failure(),
            retry_in: Duration::from_secs(2),
        };
        let mut view = view(&[started(), progressed(500, 10), at(1_000, failed)]);
        let step = view.step(&id("web", "push")).expect("the step");
        let until = Duration::from_secs(3);
        assert_eq!(step.state, StepState::Pausing { attempt: 1, of: 4, until });
        assert_eq!(step.transfer, None);

        view.apply(&progressed(3_100, 0));
        assert_eq!(view.step(&id("web", "push")).expect("the step").state, StepState::Running);
    }

    #[test]
    fn of_two_transfers_the_second_begins_anew() {
        let view = view(&[
            started(),
            transfer(500, Verb::Pulled, (10, 10), &[("base", 10)]),
            transfer(2_000, Verb::Packed, (5, 20), &[("files", 5)]),
        ]);
        let transfer = view.step(&id("web", "build")).and_then(|step| step.transfer.as_ref());
        let transfer = transfer.expect("a transfer");
        let whole = &transfer.whole;
        assert_eq!((transfer.verb, whole.done, whole.total), (Verb::Packed, 5, 20));
        assert_eq!(transfer.layers.len(), 1, "{:?}", transfer.layers);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut view = view(&[started()]);
        for number in 0..40 {
            view.apply(&at(
                number,
                EventKind::OutputLine {
                    step: id("web", "build"),
                    stream: Stream::Stdout,
                    line: number.to_string(),
                },
            ));
        }
        let tail = &view.step(&id("web", "build")).expect("the step").tail;
        assert_eq!((tail.len(), tail[0].as_str()), (30, "10"));
    }

    #[test]
    fn a_step_that_was_not_planned_comes_last() {
        let view = view(&[started(), finished("other", "thing", Outcome::Succeeded, &[])]);
        let last = view.steps.last().expect("a step");
        assert_eq!(last.planned.id, id("other", "thing"));
    }

    #[test]
    fn a_run_is_never_told_to_stop_less_urgently() {
        let stop = |reason| at(1, EventKind::RunCancelled { reason });
        let view = view(&[stop(CancelReason::Interrupted), stop(CancelReason::StepFailed)]);
        assert_eq!(view.cancelled, Some(CancelReason::Interrupted));
    }
}
