//! The loop of a run: it receives results, timers and signals, passes them to the
//! state and carries out the answer, writing each intent to the journal first.
//!
//! Decisions are made in `state`, effects happen in `perform`.

mod attempt;
mod record;
mod rollback;
mod summary;

use super::child::Stop;
use super::jitter::random_jitter;
use super::layout::{Layout, StepIndex};
use super::outcome::{AttemptError, StepError, StepOutput};
use super::perform::{EarlyBuild, Held, Performer, RolledBack, Room};
use super::signals::Signals;
use super::state::{Answer, Effect, Input, RunState};
use super::store::Store;
use crate::event::{
    CancelReason, Event, EventKind, Failure, Outcome, ServiceResult, Status, StepId,
};
use crate::journal::{Journal, Replaced};
use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// A run that is ready to start.
pub struct Engine<'a> {
    pub layout: Layout,
    /// By [`StepIndex`]: the index of the service in the plan and of the step in
    /// the service.
    pub places: Vec<(usize, usize)>,
    pub performer: Arc<Performer>,
    /// Builds that were started before the run.
    pub early: Vec<EarlyBuild>,
    pub journal: &'a mut Journal,
    /// Receives each event, with the room that it takes until it was shown. Must not
    /// wait for that.
    pub publish: &'a mut dyn FnMut(Event, Held),
    pub signals: &'a mut Signals,
    /// The outputs of steps that earlier processes of this run did.
    pub store: Store,
    /// Whether other services continue after a failure.
    pub keep_going: bool,
    pub started: Instant,
}

/// The result of a run.
#[derive(Debug)]
pub struct Summary {
    pub status: Status,
    /// Why the run was stopped, unless a failed step is the reason: the first signal, if
    /// there was one.
    pub cancelled: Option<CancelReason>,
    pub journal_failed: Option<Failure>,
    /// In the plan's order.
    pub services: Vec<ServiceResult>,
}

/// What attempts and timers send to the loop.
enum Message {
    Event(Box<EventKind>, Held),
    WaitOver(StepIndex),
    /// A deploy is about to replace something, and waits until that is recorded.
    Replaces {
        step: StepIndex,
        replaced: Box<Replaced>,
        recorded: oneshot::Sender<Result<(), Failure>>,
    },
}

/// An attempt or a rollback in progress. All of them are polled by the thread of
/// the loop; work that needs a processor for long runs on other threads.
type Work = LocalBoxFuture<'static, (StepIndex, WorkResult)>;

enum WorkResult {
    Attempt(Result<StepOutput, AttemptError>),
    /// `None` if it was killed: the journal has its beginning alone, so that `resume`
    /// finishes it.
    Rollback(Option<Result<RolledBack, StepError>>),
}

struct Loop<'a> {
    engine: Engine<'a>,
    state: RunState,
    work: FuturesUnordered<Work>,
    stops: BTreeMap<StepIndex, Stop>,
    inputs: VecDeque<Input>,
    /// What may be many is bounded by `room`.
    inbox: mpsc::UnboundedSender<Message>,
    room: Room,
    /// When each step started and ended, since the start of the run.
    spans: BTreeMap<StepId, (Duration, Duration)>,
    journal_failed: Option<Failure>,
}

/// Performs the run to its end.
pub async fn run(engine: Engine<'_>) -> Summary {
    let (inbox, mut outbox) = mpsc::unbounded_channel();
    let state = RunState::new(engine.layout.clone(), engine.keep_going);
    let mut work = Loop {
        engine,
        state,
        work: FuturesUnordered::new(),
        stops: BTreeMap::new(),
        inputs: VecDeque::from([Input::Begin]),
        inbox,
        room: Room::default(),
        spans: BTreeMap::new(),
        journal_failed: None,
    };
    work.drain_inputs();
    while !work.state.is_finished() {
        tokio::select! {
            // Signals first: a program that floods the log does not delay them.
            biased;
            reason = work.engine.signals.next() => work.inputs.push_back(Input::Stop(reason)),
            message = outbox.recv() => {
                // The loop itself holds a sender, so the channel is never closed.
                if let Some(message) = message {
                    work.receive(message);
                }
            }
            Some((step, result)) = work.work.next() => {
                // The events of an attempt come before its end.
                while let Ok(message) = outbox.try_recv() {
                    work.receive(message);
                }
                match result {
                    WorkResult::Attempt(result) => work.attempt_ended(step, result),
                    WorkResult::Rollback(result) => work.rollback_ended(step, result),
                }
            }
        }
        work.drain_inputs();
    }
    work.summary()
}

impl Loop<'_> {
    /// Passes inputs to the state until none is left, then syncs the journal: no
    /// attempt is polled before its intent is on the disk. Events are published
    /// before the sync. If the sync fails, the run stops, and a step whose start
    /// was published is in doubt.
    fn drain_inputs(&mut self) {
        loop {
            while let Some(input) = self.inputs.pop_front() {
                let now = self.engine.started.elapsed();
                let answer = self.state.on(input, now, random_jitter());
                self.carry_out(answer);
            }
            // A failure adds an input that stops the run.
            if self.sync().is_ok() {
                break;
            }
        }
    }

    fn carry_out(&mut self, answer: Answer) {
        for event in answer.events {
            self.record(&event);
            self.publish(event, None);
        }
        for effect in answer.effects {
            match effect {
                Effect::Decide { step, status } => {
                    let decision = self.decide(step, status);
                    self.inputs.push_back(Input::Decided { step, decision });
                }
                Effect::Attempt { step, attempt } => self.attempt(step, attempt),
                Effect::Wait { step, wait } => {
                    let inbox = self.inbox.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(wait).await;
                        inbox.send(Message::WaitOver(step)).ok();
                    });
                }
                Effect::RollBack { step } => self.roll_back(step),
                Effect::Terminate { step } => self.stop(step, |stop| &stop.ask),
                Effect::Kill { step } => self.stop(step, |stop| &stop.kill),
            }
        }
    }

    fn stop(&self, step: StepIndex, token: impl Fn(&Stop) -> &CancellationToken) {
        if let Some(stop) = self.stops.get(&step) {
            token(stop).cancel();
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Event(event, held) => self.publish(*event, held),
            Message::WaitOver(step) => self.inputs.push_back(Input::WaitOver { step }),
            Message::Replaces { step, replaced, recorded } => {
                // An attempt that was stopped does not wait any more.
                recorded.send(self.replaces(step, *replaced)).ok();
            }
        }
    }

    fn publish(&mut self, kind: EventKind, held: Held) {
        let at = self.engine.started.elapsed();
        if let EventKind::StepFinished { step, outcome, .. } = &kind {
            // A step that was skipped does not belong to the time of its service.
            if !matches!(outcome, Outcome::Skipped { .. }) {
                self.spans.entry(step.clone()).or_insert((at, at)).1 = at;
            }
            if matches!(outcome, Outcome::Skipped { .. } | Outcome::Cancelled) {
                self.stop_early_uploads(step);
            }
            self.engine.store.ended(step, outcome);
        }
        (self.engine.publish)(Event { at, kind }, held);
    }

    /// Stops the uploads that a build of the service began ahead of its `push`.
    fn stop_early_uploads(&self, id: &StepId) {
        let step = self.state.layout().steps.iter().position(|step| step.id == *id);
        if let Some(step) = step {
            self.engine.performer.services.early_uploads.abort(self.engine.places[step].0);
        }
    }

    /// A remedy whose commands can be pasted.
    fn pasted(&self, help: &str) -> String {
        self.engine.performer.facts.commands.complete(help)
    }

    fn id(&self, step: StepIndex) -> StepId {
        self.state.layout().steps[step].id.clone()
    }
}
