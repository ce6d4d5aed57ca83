//! The state of a run as its events describe it.
//!
//! Pure: no clock, no environment. Reporters draw nothing but this.

use super::text::one_line;
use super::transfer::Transfer;
use crate::event::{
    CancelReason, Event, EventKind, Outcome, Outputs, PlannedStep, Reported, RunFinished,
    RunStarted, StepId,
};
use std::collections::VecDeque;
use std::time::Duration;

/// The number of last lines that are kept of each step.
const MAX_TAIL_LINES: usize = 30;

#[derive(Clone, Debug, Default)]
pub struct View {
    pub started: Option<RunStarted>,
    /// In the plan's order, then any step that `RunStarted` did not list.
    pub steps: Vec<StepView>,
    pub warnings: Vec<Warning>,
    pub reported: Vec<Reported>,
    /// The most urgent reason so far.
    pub cancelled: Option<CancelReason>,
    pub finished: Option<RunFinished>,
    /// The time of the last event.
    pub at: Duration,
}

#[derive(Clone, Debug)]
pub struct StepView {
    pub planned: PlannedStep,
    pub state: StepProgress,
    /// The start of the first attempt.
    pub began: Option<Duration>,
    /// The attempts after which another one followed.
    pub failed_attempts: Vec<FailedAttempt>,
    /// The last transfer of the current attempt.
    pub transfer: Option<Transfer>,
    /// The last lines of its output.
    pub tail: VecDeque<String>,
    /// The last remark of the step.
    pub note: Option<String>,
    /// What the current attempt told last.
    pub latest: Latest,
    pub outputs: Outputs,
}

/// What a running step told last of what it does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Latest {
    #[default]
    Nothing,
    /// The progress of its transfer.
    Transfer,
    /// A remark.
    Note,
    /// A line of output.
    Line,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StepProgress {
    /// Not started yet.
    Waiting,
    Running,
    /// An attempt failed and another one follows.
    Pausing {
        /// The attempt that failed, counted from 1.
        attempt: u32,
        of: u32,
        /// The start of the next attempt, since the run started.
        until: Duration,
    },
    Finished {
        outcome: Outcome,
        /// Since the start of the first attempt.
        took: Duration,
    },
}

/// An attempt of a step that failed, and was followed by another one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FailedAttempt {
    pub ended: Duration,
    /// The start of the next attempt.
    pub next: Duration,
    /// The error, without its causes.
    pub why: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    pub step: Option<StepId>,
    pub message: String,
}

impl View {
    /// Where `--from` made the run begin, such as `, from web.verify`. Empty without it.
    pub fn beginning(&self) -> String {
        let from = self.started.as_ref().and_then(|started| started.from.as_ref());
        from.map(|step| format!(", from {}", one_line(step))).unwrap_or_default()
    }

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
            EventKind::Reported(reported) => self.reported.push(reported.clone()),
            EventKind::RunFinished(finished) => self.finished = Some(finished.clone()),
            // Its notes belong to a step that has ended; `RunFinished` has the result.
            EventKind::RollbackFinished { .. } | EventKind::FaultMet { .. } => {}
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

    pub fn step(&self, id: &StepId) -> Option<&StepView> {
        self.steps.iter().find(|step| step.planned.id == *id)
    }

    /// The running steps, in the order of their start.
    pub fn running(&self) -> Vec<&StepView> {
        let mut running: Vec<&StepView> =
            self.steps.iter().filter(|step| step.is_running()).collect();
        running.sort_by_key(|step| step.began);
        running
    }

    fn step_or_new(&mut self, id: &StepId) -> &mut StepView {
        let at = self.steps.iter().position(|step| step.planned.id == *id).unwrap_or_else(|| {
            let title = id.step.clone();
            self.steps.push(StepView::new(PlannedStep {
                id: id.clone(),
                action: String::new(),
                title,
            }));
            self.steps.len() - 1
        });
        &mut self.steps[at]
    }
}

impl From<PlannedStep> for StepView {
    fn from(planned: PlannedStep) -> Self {
        Self::new(planned)
    }
}

impl StepView {
    fn new(planned: PlannedStep) -> Self {
        Self {
            planned,
            state: StepProgress::Waiting,
            began: None,
            failed_attempts: Vec::new(),
            transfer: None,
            tail: VecDeque::new(),
            note: None,
            latest: Latest::Nothing,
            outputs: Outputs::new(),
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, StepProgress::Running | StepProgress::Pausing { .. })
    }

    fn apply(&mut self, at: Duration, kind: &EventKind) {
        if let (EventKind::Noted { message, .. }, StepProgress::Finished { .. }) =
            (kind, &self.state)
        {
            // The rollback of a deploy that has ended.
            self.note = Some(message.clone());
            return;
        }
        if self.state != StepProgress::Running {
            self.latest = Latest::Nothing;
        }
        self.state = StepProgress::Running;
        self.began = self.began.or(Some(at));
        match kind {
            EventKind::OutputLine { line, .. } => {
                if self.tail.len() == MAX_TAIL_LINES {
                    self.tail.pop_front();
                }
                self.tail.push_back(line.clone());
                self.latest = Latest::Line;
            }
            EventKind::Noted { message, .. } => {
                self.note = Some(message.clone());
                self.latest = Latest::Note;
            }
            EventKind::Progressed { progress, .. } => {
                // A build pulls its base image before it packs layers.
                self.transfer.take_if(|before| before.verb != progress.verb);
                let new = || Transfer::new(progress.verb);
                self.transfer.get_or_insert_with(new).apply(at, progress);
                self.latest = Latest::Transfer;
            }
            EventKind::AttemptFailed { attempt, of, failure, retry_in, .. } => {
                self.transfer = None;
                self.latest = Latest::Nothing;
                let until = at.saturating_add(*retry_in);
                let why = failure.chain.first().cloned().unwrap_or_default();
                self.failed_attempts.push(FailedAttempt { ended: at, next: until, why });
                self.state = StepProgress::Pausing { attempt: *attempt, of: *of, until };
            }
            EventKind::StepFinished { outcome, took, outputs, .. } => {
                self.transfer = None;
                self.outputs.clone_from(outputs);
                self.state = StepProgress::Finished { outcome: outcome.clone(), took: *took };
            }
            EventKind::StepStarted { .. }
            | EventKind::RunStarted(_)
            | EventKind::Warned { .. }
            | EventKind::FaultMet { .. }
            | EventKind::RunCancelled { .. }
            | EventKind::Reported(_)
            | EventKind::RollbackFinished { .. }
            | EventKind::RunFinished(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StepProgress, View};
    use crate::event::{CancelReason, EventKind, Outcome, Verb};
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
    fn steps_are_in_the_plans_order_and_running_ones_in_order_of_start() {
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
    fn a_failed_attempt_pauses_until_the_next_event_of_the_step() {
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
        assert_eq!(step.state, StepProgress::Pausing { attempt: 1, of: 4, until });
        assert_eq!(step.transfer, None);

        view.apply(&progressed(3_100, 0));
        assert_eq!(view.step(&id("web", "push")).expect("the step").state, StepProgress::Running);
    }

    #[test]
    fn a_second_transfer_replaces_the_first() {
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
                EventKind::OutputLine { step: id("web", "build"), line: number.to_string() },
            ));
        }
        let tail = &view.step(&id("web", "build")).expect("the step").tail;
        assert_eq!((tail.len(), tail[0].as_str()), (30, "10"));
    }

    #[test]
    fn an_unplanned_step_comes_last() {
        let view = view(&[started(), finished("other", "thing", Outcome::Succeeded, &[])]);
        let last = view.steps.last().expect("a step");
        assert_eq!(last.planned.id, id("other", "thing"));
    }

    #[test]
    fn the_most_urgent_reason_to_stop_is_kept() {
        let stop = |reason| at(1, EventKind::RunCancelled { reason });
        let view = view(&[stop(CancelReason::Interrupted), stop(CancelReason::StepFailed)]);
        assert_eq!(view.cancelled, Some(CancelReason::Interrupted));
    }
}
