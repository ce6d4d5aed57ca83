//! The loop: it owns the state, hears results, timers and signals, and writes
//! each intent to the journal before it acts on it.
//!
//! It decides nothing (`state` does) and does nothing itself (`perform` does).

mod record;

use super::child::Stop;
use super::layout::{Layout, StepIndex};
use super::outcome::{AttemptError, Given, StepError, StepOutput};
use super::perform::{EarlyBuild, Job, Performer, Say};
use super::signals::Signals;
use super::state::{Answer, Decision, DependencyStatus, Effect, Ending, Input, State};
use super::store::Store;
use crate::event::{
    CancelReason, Event, EventKind, Failure, Outcome, ServiceResult, Status, StepId,
};
use crate::journal::{Entry, Journal};
use crate::plan::schema::Step;
use futures::future::{FutureExt as _, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A run that is ready to go.
pub struct Engine<'a> {
    /// What is to be run.
    pub layout: Layout,
    /// By [`StepIndex`]: the place of the service in the plan, and of the step in it.
    pub places: Vec<(usize, usize)>,
    /// Who performs the steps.
    pub performer: Arc<Performer>,
    /// Builds that have begun.
    pub early: Vec<EarlyBuild>,
    /// Where intents are written.
    pub journal: &'a mut Journal,
    /// Who is told.
    pub publish: &'a mut dyn FnMut(&Event),
    /// Signals to this process.
    pub signals: &'a mut Signals,
    /// What earlier processes of this run left.
    pub store: Store,
    /// Whether other services go on after a failure.
    pub keep_going: bool,
    /// When the run started.
    pub started: Instant,
}

/// What came of a run.
#[derive(Debug)]
pub struct Summary {
    /// In one word.
    pub status: Status,
    /// Why it was stopped, where it was.
    pub cancelled: Option<CancelReason>,
    /// Whether the journal failed, and why.
    pub journal_failed: Option<Failure>,
    /// In the plan's order.
    pub services: Vec<ServiceResult>,
}

/// What an attempt says to the loop.
enum Message {
    Said(Box<EventKind>),
    WaitOver(StepIndex),
}

/// An attempt under way. All of them are driven by the loop's own thread: what
/// takes a processor's time is done on others.
type Attempt = LocalBoxFuture<'static, (StepIndex, Result<StepOutput, AttemptError>)>;

/// The loop at work.
struct Loop<'a> {
    engine: Engine<'a>,
    state: State,
    attempts: FuturesUnordered<Attempt>,
    stops: BTreeMap<StepIndex, Stop>,
    inputs: VecDeque<Input>,
    inbox: mpsc::UnboundedSender<Message>,
    spans: BTreeMap<StepId, (Duration, Duration)>,
    journal_failed: Option<Failure>,
    over: CancellationToken,
}

/// Runs it to its end.
pub async fn run(engine: Engine<'_>) -> Summary {
    let (inbox, mut outbox) = mpsc::unbounded_channel();
    let state = State::new(engine.layout.clone(), engine.keep_going);
    let mut work = Loop {
        engine,
        state,
        attempts: FuturesUnordered::new(),
        stops: BTreeMap::new(),
        inputs: VecDeque::from([Input::Begin]),
        inbox,
        spans: BTreeMap::new(),
        journal_failed: None,
        over: CancellationToken::new(),
    };
    work.settle();
    while !work.state.is_finished() {
        tokio::select! {
            message = outbox.recv() => {
                // The loop holds a sender, so the channel is open.
                if let Some(message) = message {
                    work.hear(message);
                }
            }
            Some((step, result)) = work.attempts.next() => {
                // What the attempt said stands before its end.
                while let Ok(message) = outbox.try_recv() {
                    work.hear(message);
                }
                work.hear_end(step, result);
            }
            reason = work.engine.signals.next() => work.inputs.push_back(Input::Stop(reason)),
        }
        work.settle();
    }
    work.over.cancel();
    work.summary()
}

impl Loop<'_> {
    /// Feeds the state until it has nothing more to say. What was written of it
    /// is on the disk when this is over, before any attempt goes on. An event may
    /// be told before that: where the disk then fails, the run stops, and the
    /// step that was told of is in doubt.
    fn settle(&mut self) {
        loop {
            while let Some(input) = self.inputs.pop_front() {
                self.state.jitter = chance();
                let now = self.engine.started.elapsed();
                let answer = self.state.on(input, now);
                self.follow(answer);
            }
            if self.sync().is_ok() {
                break;
            }
        }
    }

    fn follow(&mut self, answer: Answer) {
        for event in answer.events {
            self.record(&event);
            self.publish(event);
        }
        for effect in answer.effects {
            match effect {
                Effect::Decide { step, standing } => {
                    let decision = self.decide(step, standing);
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
                Effect::Ask { step } => self.stop(step, |stop| &stop.ask),
                Effect::Kill { step } => self.stop(step, |stop| &stop.kill),
            }
        }
    }

    fn stop(&self, step: StepIndex, which: impl Fn(&Stop) -> &CancellationToken) {
        if let Some(stop) = self.stops.get(&step) {
            which(stop).cancel();
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Said(event) => self.publish(*event),
            Message::WaitOver(step) => self.inputs.push_back(Input::WaitOver { step }),
        }
    }

    fn hear_end(&mut self, step: StepIndex, result: Result<StepOutput, AttemptError>) {
        self.stops.remove(&step);
        let ending = self.ending(step, result);
        let at = self.engine.started.elapsed();
        self.inputs.push_back(Input::Ended { step, ending, at });
    }

    /// Turns a result into what the state understands, keeping what it gave.
    fn ending(&mut self, step: StepIndex, result: Result<StepOutput, AttemptError>) -> Ending {
        match result {
            Ok(done) => self.succeeded(step, done),
            Err(AttemptError::Stopped) => Ending::Cancelled,
            Err(AttemptError::TimedOut(limit)) => Ending::TimedOut { limit },
            Err(AttemptError::Failed(trouble)) => {
                let retry = trouble.retry;
                Ending::Failed { failure: self.failure(step, *trouble), retry }
            }
        }
    }

    fn succeeded(&mut self, step: StepIndex, done: StepOutput) -> Ending {
        let id = self.id(step);
        let started = self.spans.get(&id).map_or(Duration::ZERO, |(start, _)| *start);
        let took = self.engine.started.elapsed().saturating_sub(started);
        let entry = Entry::StepSucceeded {
            step: id.clone(),
            outputs: Store::recorded(&done.outputs, &self.engine.performer.services.redactor),
            handover: Box::new(done.handover.clone()),
            took: took.as_secs_f64(),
        };
        if let Err(failure) = self.write(&entry) {
            return Ending::Failed { failure, retry: crate::http::Retry::Never };
        }
        let shown = Store::shown(&done.outputs, &self.engine.performer.services.redactor);
        self.engine.store.keep(&id, done);
        Ending::Succeeded(shown)
    }

    /// Asks the plan whether the step runs.
    fn decide(&mut self, step: StepIndex, standing: DependencyStatus) -> Decision {
        let scope = self.scope(step, Some(standing));
        let planned = self.planned(step);
        let holds = match &planned.condition {
            Some(condition) => condition.holds(&scope),
            None => Ok(standing.success),
        };
        let decided = holds.and_then(|holds| {
            let tolerant = holds && planned.continue_on_error.resolve(&scope)?;
            Ok(if holds { Decision::Run { tolerant } } else { Decision::Skip })
        });
        decided.unwrap_or_else(|error| {
            let trouble = StepError::from(error).while_doing("decide whether the step runs");
            Decision::Broken(self.failure(step, trouble))
        })
    }

    fn scope(
        &self,
        step: StepIndex,
        standing: Option<DependencyStatus>,
    ) -> crate::plan::expr::Scope {
        let (service, _) = self.engine.places[step];
        let cancelled =
            self.state.cancelled().is_some_and(|reason| reason >= CancelReason::JournalFailed);
        self.engine.store.scope(&self.engine.performer, service, standing, cancelled)
    }

    /// Writes the intent, then starts the attempt.
    fn attempt(&mut self, step: StepIndex, attempt: u32) {
        let id = self.id(step);
        let now = self.engine.started.elapsed();
        self.spans.entry(id.clone()).or_insert((now, now));
        let at = jiff::Timestamp::now().to_string();
        if let Err(failure) = self.write(&Entry::StepStarted { step: id.clone(), attempt, at }) {
            let ending = Ending::Failed { failure, retry: crate::http::Retry::Never };
            self.inputs.push_back(Input::Ended { step, ending, at: now });
            return;
        }
        let inbox = self.inbox.clone();
        let say: Say = Arc::new(move |event| drop(inbox.send(Message::Said(Box::new(event)))));
        let (service, place) = self.engine.places[step];
        let early = &mut self.engine.early;
        if let Some(at) = early.iter().position(|early| early.place == (service, place)) {
            let (stop, ended) = early.swap_remove(at).adopt(&say);
            self.start(step, stop, ended);
            return;
        }
        let stop = Stop::default();
        let job = Job {
            service,
            place,
            handover: self.engine.store.handover(&id.service),
            id,
            scope: self.scope(step, None),
            stop: stop.clone(),
            say,
        };
        let performer = Arc::clone(&self.engine.performer);
        self.start(step, stop, async move { performer.attempt(job).await });
    }

    /// Lets an attempt go on, from when the loop has settled: its intent is on
    /// the disk then.
    fn start(
        &mut self,
        step: StepIndex,
        stop: Stop,
        attempt: impl Future<Output = Result<StepOutput, AttemptError>> + 'static,
    ) {
        self.stops.insert(step, stop.clone());
        let uploads_allowed = Arc::clone(&self.engine.performer.services.uploads_allowed);
        let attempt = async move {
            if stop.ask.is_cancelled() {
                return (step, Err(AttemptError::Stopped));
            }
            uploads_allowed.set(()).ok();
            (step, attempt.await)
        };
        self.attempts.push(attempt.boxed_local());
    }

    fn publish(&mut self, kind: EventKind) {
        let at = self.engine.started.elapsed();
        if let EventKind::StepFinished { step, outcome, .. } = &kind {
            let entry = self.spans.entry(step.clone()).or_insert((at, at));
            entry.1 = at;
            if matches!(outcome, Outcome::Skipped { .. } | Outcome::Cancelled) {
                self.send_no_more(step);
            }
        }
        (self.engine.publish)(&Event { at, kind });
    }

    /// What a build of the service has sent ahead is of no use any more.
    fn send_no_more(&self, id: &StepId) {
        let step = self.state.layout().steps.iter().position(|step| step.id == *id);
        if let Some(step) = step {
            self.engine.performer.services.early_uploads.abort(self.engine.places[step].0);
        }
    }

    fn failure(&self, step: StepIndex, trouble: StepError) -> Failure {
        let span = trouble.span.clone().filter(|span| !span.is_empty());
        let span = span.unwrap_or_else(|| self.planned(step).id.span.clone());
        let place = self.engine.performer.plan.source.place(&span);
        trouble.shown(&self.engine.performer.services.redactor, Some(place))
    }

    fn planned(&self, step: StepIndex) -> &Step {
        let (service, place) = self.engine.places[step];
        self.engine.performer.plan.step(service, place)
    }

    fn id(&self, step: StepIndex) -> StepId {
        self.state.layout().steps[step].id.clone()
    }

    fn summary(self) -> Summary {
        let cancelled = self.state.cancelled().filter(|reason| *reason > CancelReason::StepFailed);
        let services = 0..self.state.layout().services.len();
        let services = services.map(|service| self.result(service)).collect();
        Summary {
            status: self.state.status(),
            cancelled,
            journal_failed: self.journal_failed.clone(),
            services,
        }
    }

    fn result(&self, service: usize) -> ServiceResult {
        let layout = &self.state.layout().services[service];
        let ids: Vec<StepId> = layout.steps.iter().map(|&step| self.id(step)).collect();
        let spans = || ids.iter().filter_map(|id| self.spans.get(id));
        let start = spans().map(|(start, _)| *start).min().unwrap_or_default();
        let end = spans().map(|(_, end)| *end).max().unwrap_or_default();
        // Its place in the plan is another than among those that are run.
        let place = layout.steps.first().map(|&step| self.engine.places[step].0);
        let given: Given = place
            .map(|place| self.engine.store.of_service(&self.engine.performer, place))
            .unwrap_or_default();
        ServiceResult {
            name: layout.name.clone(),
            status: self.state.service_status(service),
            outputs: Store::shown(&given, &self.engine.performer.services.redactor),
            took: end.saturating_sub(start),
            failure: self.state.failure(service).cloned(),
        }
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}
