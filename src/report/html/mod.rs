//! The report of a run as one HTML page, for people who were not there: what is deployed and
//! verified, what failed and what to do, when each step ran, and what it wrote.
//!
//! The page needs no network and no script. `markup` is the only way in which text becomes
//! HTML, `log` bounds what is kept of the output of steps, and the other files draw a part
//! of the page each.

mod failures;
mod log;
mod markup;
mod page;
mod services;
mod steps;
#[cfg(test)]
mod tests;
mod timeline;

use super::log::words;
use super::text::one_line;
use super::view::View;
use crate::event::{Event, EventKind, StepId};
use crate::secret::Redactor;
use log::{LineKind, StepLog};
use markup::Html;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Collects the events of a run, of all of its processes, and draws them.
#[derive(Debug, Default)]
pub struct HtmlReport {
    /// What each process of the run did, in their order.
    processes: Vec<View>,
    logs: BTreeMap<StepId, StepLog>,
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

    /// The page. `unfinished` says why a run has no end.
    pub fn page(&self, unfinished: Option<&str>, redactor: &Redactor) -> String {
        let mut html = Html::new(redactor.clone());
        page::draw(self, unfinished, &mut html);
        html.into_text()
    }

    /// What the last process did.
    fn last(&self) -> &View {
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
