//! Collects the events of a run for its page.

use super::log::{LineKind, StepLog};
use crate::event::{Event, EventKind, StepId};
use crate::report::log::words;
use crate::report::text::one_line;
use crate::report::view::View;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The events of a run, of all of its processes, as far as its page shows them.
#[derive(Debug, Default)]
pub struct HtmlReport {
    /// What each process of the run did, in their order.
    pub processes: Vec<View>,
    /// What each step wrote, in all processes.
    pub logs: BTreeMap<StepId, StepLog>,
}

impl HtmlReport {
    pub fn on(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::RunStarted(_)) || self.processes.is_empty() {
            self.processes.push(View::default());
        }
        let Some(view) = self.processes.last_mut() else { return };
        view.apply(event);
        let steps = view.steps.len();
        let Some((step, kind, lines)) = lines_of(view, &event.kind) else { return };
        let log = self.logs.entry(step).or_default();
        for line in lines {
            log.push(kind, line, steps);
        }
    }

    /// Whether the last process of the run has told how it ended.
    pub fn is_finished(&self) -> bool {
        self.last().finished.is_some()
    }

    /// What the last process did.
    pub fn last(&self) -> &View {
        static NOTHING: LazyLock<View> = LazyLock::new(View::default);
        self.processes.last().unwrap_or(&NOTHING)
    }
}

/// What an event adds to the log of a step.
fn lines_of(view: &View, kind: &EventKind) -> Option<(StepId, LineKind, Vec<String>)> {
    match kind {
        EventKind::OutputLine { step, line } => {
            Some((step.clone(), LineKind::Output, vec![line.clone()]))
        }
        EventKind::Noted { step, message } => {
            Some((step.clone(), LineKind::Note, vec![one_line(message)]))
        }
        EventKind::Warned { step: Some(step), .. }
        | EventKind::AttemptFailed { step, .. }
        | EventKind::StepFinished { step, .. } => {
            Some((step.clone(), LineKind::Note, told(view, kind)?))
        }
        EventKind::RollbackFinished { rollback, .. } => {
            Some((rollback.step.clone(), LineKind::Note, told(view, kind)?))
        }
        EventKind::RunStarted(_)
        | EventKind::StepStarted { .. }
        | EventKind::Warned { step: None, .. }
        | EventKind::FaultMet { .. }
        | EventKind::Progressed { .. }
        | EventKind::RunCancelled { .. }
        | EventKind::Reported(_)
        | EventKind::RunFinished(_) => None,
    }
}

/// The words that the log has for an event.
fn told(view: &View, kind: &EventKind) -> Option<Vec<String>> {
    let message = words::message(view, kind)?;
    let mut lines = vec![message.words()];
    lines.extend(message.more.iter().map(|line| format!("  {line}")));
    Some(lines)
}
