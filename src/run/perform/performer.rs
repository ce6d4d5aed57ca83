//! The data that every attempt may use. It knows no action; see `dispatch`.

use super::facts::RunFacts;
use super::plan::RunPlan;
use super::say::Say;
use super::services::Services;
use crate::event::{EventKind, Failure, Outputs, StepId};
use crate::http::Retry;
use crate::journal::{Handover, Replaced};
use crate::plan::expr::{Rendered, Scope};
use crate::run::child::{LastLines, Stop};
use crate::run::outcome::{AttemptError, StepError};
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};

/// Records what a deploy is about to replace.
pub type Remember = Arc<dyn Fn(Replaced) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

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
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// What the service's earlier steps handed on.
    pub handover: Handover,
    /// What an earlier attempt of this deploy replaced.
    pub replaced: Option<Replaced>,
    /// Whether an earlier process of this run has started the step and did not record how
    /// it ended: its effects may be there.
    pub in_doubt: bool,
    /// The contexts of the step's expressions.
    pub scope: Scope,
    pub stop: Stop,
    pub say: Say,
    pub produced: Produced,
    /// `None` where no journal is kept: builds that begin before the run.
    pub remember: Option<Remember>,
}

/// What an attempt has produced so far, for the report if it fails or takes too long.
#[derive(Debug, Default)]
pub struct Produced(Mutex<ProducedState>);

#[derive(Debug, Default)]
struct ProducedState {
    lines: LastLines,
    outputs: Outputs<Rendered>,
    waits_for: Option<String>,
}

impl Produced {
    fn change<T>(&self, change: impl FnOnce(&mut ProducedState) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the outputs that the step's program has written.
    pub fn keep_outputs(&self, outputs: Outputs<Rendered>) {
        self.change(|state| state.outputs = outputs);
    }

    pub fn take_outputs(&self) -> Outputs<Rendered> {
        self.change(|state| std::mem::take(&mut state.outputs))
    }

    /// The last lines that the children of the attempt wrote, in that order.
    pub fn last_lines(&self) -> Vec<String> {
        self.change(|state| state.lines.to_vec())
    }

    /// What the attempt waited for last.
    pub fn waits_for(&self) -> Option<String> {
        self.change(|state| state.waits_for.clone())
    }
}

impl Job {
    /// Records what this deploy is about to replace, and returns once that is on the
    /// disk.
    pub async fn remember(&self, replaced: Replaced) -> Result<(), StepError> {
        let Some(remember) = &self.remember else { return Ok(()) };
        let recorded = remember(replaced).await;
        recorded.map_err(|failure| StepError::from_failure(failure, Retry::Never))
    }

    /// Drops work that starts no child process where the attempt is to stop.
    pub async fn unless_stopped<T, E: Into<AttemptError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, AttemptError> {
        tokio::select! {
            result = work => result.map_err(Into::into),
            () = self.stop.requested() => Err(AttemptError::Stopped),
        }
    }

    /// Publishes a line for the log.
    pub fn note(&self, message: impl Into<String>) {
        self.say.event(EventKind::Noted { step: self.id.clone(), message: message.into() });
    }

    /// Publishes a line that a child wrote. Waits while too many lines wait to be shown.
    pub async fn output(&self, line: String) {
        self.produced.change(|state| state.lines.push(&line));
        let step = self.id.clone();
        self.say.line(line, |line| EventKind::OutputLine { step, line }).await;
    }

    /// Publishes what the attempt waits for from now on.
    pub fn waits_for(&self, what: String) {
        self.note(format!("waiting for {what}"));
        self.produced.change(|state| state.waits_for = Some(what));
    }

    pub fn warn(&self, message: impl Into<String>) {
        let step = Some(self.id.clone());
        self.say.event(EventKind::Warned { step, message: message.into() });
    }
}
