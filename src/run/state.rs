//! What a run has come to: the one place where it is decided what happens next.
//!
//! Results, decisions, timers and signals arrive as an [`Input`]; `State::on`
//! answers with the effects to perform and the events to publish. The function
//! is synchronous and total, so every ordering of inputs can be written as a
//! test. Nothing here knows what a registry is.

use super::cancel::Cancellation;
use super::layout::{Layout, StepIndex};
use super::retry::wait_after;
use crate::event::{CancelReason, EventKind, Failure, Outcome, Outputs, Status, StepId};
use crate::http::Retry;
use std::time::Duration;

/// Something that happened outside.
#[derive(Debug)]
pub enum Input {
    /// The beginning.
    Begin,
    /// The answer to [`Effect::Decide`].
    Decided { step: StepIndex, decision: Decision },
    /// An attempt ended.
    Ended { step: StepIndex, ending: Ending, at: Duration },
    /// A wait before another attempt is over.
    WaitOver { step: StepIndex },
    /// A signal, or another reason to stop.
    Stop(CancelReason),
}

/// What an `if` came to.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The step runs. `tolerant`: its failure is not the run's.
    Run { tolerant: bool },
    /// Its `if` is false.
    Skip,
    /// Its `if` cannot be evaluated.
    Broken(Failure),
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// It worked.
    Succeeded(Outputs),
    /// It did not.
    Failed { failure: Failure, retry: Retry },
    /// It took longer than this.
    TimedOut { limit: Duration },
    /// It was stopped, as asked.
    Cancelled,
}

/// What an `if` may ask of the run so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DependencyStatus {
    /// The service's earlier steps and all that it needs have succeeded.
    pub success: bool,
    /// One of them failed.
    pub failure: bool,
}

/// Something to be done outside.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Evaluate the step's `if`, and answer with [`Input::Decided`].
    Decide { step: StepIndex, standing: DependencyStatus },
    /// Record that the step is to be attempted, then attempt it.
    Attempt { step: StepIndex, attempt: u32 },
    /// Say so when this time is over.
    Wait { step: StepIndex, wait: Duration },
    /// Ask the attempt to end.
    Ask { step: StepIndex },
    /// End the attempt at once.
    Kill { step: StepIndex },
}

/// What comes of an input.
#[must_use]
#[derive(Debug, Default)]
pub struct Answer {
    /// To be performed, in order.
    pub effects: Vec<Effect>,
    /// To be published, in order, before the effects.
    pub events: Vec<EventKind>,
}

#[derive(Clone, Debug)]
enum Phase {
    Pending,
    Deciding,
    Running { attempt: u32, tolerant: bool, since: Duration },
    Waiting { attempt: u32, tolerant: bool, since: Duration },
    Done,
}

/// The state of a run.
#[derive(Debug)]
pub struct State {
    layout: Layout,
    phases: Vec<Phase>,
    /// By service: its first step that failed, or that of a service it needs.
    blamed: Vec<Option<StepIndex>>,
    /// By service: the first failure of its own steps that was not tolerated.
    failures: Vec<Option<(StepId, Failure)>>,
    /// The first step that failed of all.
    failed: Option<StepIndex>,
    keep_going: bool,
    cancel: Cancellation,
    now: Duration,
    /// From 0 to 1, set by the loop before each input: the state has no chance
    /// of its own.
    pub jitter: f64,
}

impl State {
    /// A run that has not begun.
    pub fn new(layout: Layout, keep_going: bool) -> Self {
        Self {
            phases: vec![Phase::Pending; layout.steps.len()],
            blamed: vec![None; layout.services.len()],
            failures: vec![None; layout.services.len()],
            failed: None,
            keep_going,
            cancel: Cancellation::default(),
            now: Duration::ZERO,
            jitter: 1.0,
            layout,
        }
    }

    /// Takes in what happened at `now` and says what follows.
    pub fn on(&mut self, input: Input, now: Duration) -> Answer {
        self.now = now;
        let mut answer = Answer::default();
        match input {
            Input::Begin => {}
            Input::Decided { step, decision } => self.decided(step, decision, &mut answer),
            Input::Ended { step, ending, at } => {
                self.now = at.max(now);
                self.ended(step, ending, &mut answer);
            }
            Input::WaitOver { step } => self.wait_over(step, &mut answer),
            Input::Stop(reason) => self.stop(reason, &mut answer),
        }
        self.advance(&mut answer);
        answer
    }

    /// Whether nothing is left to wait for.
    pub fn is_finished(&self) -> bool {
        self.phases.iter().all(|phase| matches!(phase, Phase::Done))
    }

    /// How the run ended.
    pub fn status(&self) -> Status {
        match self.cancelled().filter(|reason| *reason > CancelReason::StepFailed) {
            Some(CancelReason::JournalFailed) => Status::Failed,
            Some(_) => Status::Cancelled,
            None if self.failed.is_some() => Status::Failed,
            None => Status::Succeeded,
        }
    }

    /// How a service ended: a failure in another one does not count.
    pub fn service_status(&self, service: usize) -> Status {
        match (self.failure(service), self.status()) {
            (Some(_), _) => Status::Failed,
            (None, Status::Cancelled) => Status::Cancelled,
            (None, Status::Failed | Status::Succeeded) => Status::Succeeded,
        }
    }

    /// The first step of a service that failed without being tolerated, and why.
    pub fn failure(&self, service: usize) -> Option<&(StepId, Failure)> {
        self.failures[service].as_ref()
    }

    /// Why the run stops, where it does.
    pub fn cancelled(&self) -> Option<CancelReason> {
        self.cancel.reason()
    }

    /// The shape of the run.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn decided(&mut self, step: StepIndex, decision: Decision, answer: &mut Answer) {
        if !matches!(self.phases[step], Phase::Deciding) {
            return;
        }
        match decision {
            Decision::Run { .. } if self.cancel.stops_attempts() => {
                self.skip(step, "the run was cancelled".into(), answer);
            }
            Decision::Run { tolerant } => {
                let since = self.now;
                self.phases[step] = Phase::Running { attempt: 1, tolerant, since };
                answer.events.push(EventKind::StepStarted { step: self.id(step) });
                answer.effects.push(Effect::Attempt { step, attempt: 1 });
            }
            Decision::Skip => {
                let because = self.blame(step).unwrap_or_else(|| "its `if` is false".into());
                self.skip(step, because, answer);
            }
            Decision::Broken(failure) => {
                self.finish(step, Outcome::Failed { failure, tolerated: false }, answer);
            }
        }
    }

    fn ended(&mut self, step: StepIndex, ending: Ending, answer: &mut Answer) {
        let Phase::Running { attempt, tolerant, since } = self.phases[step] else { return };
        match ending {
            Ending::Succeeded(outputs) => {
                self.phases[step] = Phase::Done;
                let took = self.now.saturating_sub(since);
                let outcome = Outcome::Succeeded;
                let step = self.id(step);
                answer.events.push(EventKind::StepFinished { step, outcome, took, outputs });
            }
            Ending::Cancelled => self.finish(step, Outcome::Cancelled, answer),
            Ending::TimedOut { limit } => {
                self.finish(step, Outcome::TimedOut { limit, tolerated: tolerant }, answer);
            }
            Ending::Failed { failure, retry } => {
                let policy = self.layout.steps[step].policy;
                let wait = wait_after(policy, attempt, retry, self.jitter);
                let Some(wait) = wait.filter(|_| !self.cancel.stops_attempts()) else {
                    let outcome = Outcome::Failed { failure, tolerated: tolerant };
                    return self.finish(step, outcome, answer);
                };
                self.phases[step] = Phase::Waiting { attempt, tolerant, since };
                answer.events.push(EventKind::AttemptFailed {
                    step: self.id(step),
                    attempt,
                    of: policy.attempts,
                    failure,
                    retry_in: wait,
                });
                answer.effects.push(Effect::Wait { step, wait });
            }
        }
    }

    fn wait_over(&mut self, step: StepIndex, answer: &mut Answer) {
        if let Phase::Waiting { attempt, tolerant, since } = self.phases[step] {
            let attempt = attempt + 1;
            self.phases[step] = Phase::Running { attempt, tolerant, since };
            answer.effects.push(Effect::Attempt { step, attempt });
        }
    }

    fn stop(&mut self, reason: CancelReason, answer: &mut Answer) {
        let Some(reason) = self.cancel.escalate(reason) else { return };
        answer.events.push(EventKind::RunCancelled { reason });
        for step in 0..self.phases.len() {
            match self.phases[step] {
                Phase::Running { .. } if reason == CancelReason::Killed => {
                    answer.effects.push(Effect::Kill { step });
                }
                Phase::Running { .. } => answer.effects.push(Effect::Ask { step }),
                Phase::Waiting { .. } => self.finish(step, Outcome::Cancelled, answer),
                Phase::Pending | Phase::Deciding | Phase::Done => {}
            }
        }
    }

    /// Starts whatever can start, and settles whatever can never start.
    fn advance(&mut self, answer: &mut Answer) {
        let mut moved = true;
        while moved {
            moved = false;
            for service in 0..self.layout.services.len() {
                if let Some(step) = self.next_of(service) {
                    moved |= self.begin(service, step, answer);
                }
            }
        }
    }

    /// The service's next step, if the one before it has ended and all services
    /// that it needs have.
    fn next_of(&self, service: usize) -> Option<StepIndex> {
        let layout = &self.layout.services[service];
        let done = |step: &StepIndex| matches!(self.phases[*step], Phase::Done);
        let needed = layout.needs.iter().flat_map(|&need| &self.layout.services[need].steps);
        if !needed.into_iter().all(done) {
            return None;
        }
        let next = *layout.steps.iter().find(|step| !done(step))?;
        matches!(self.phases[next], Phase::Pending).then_some(next)
    }

    /// Whether that settled the step, so that the next one may be looked at.
    fn begin(&mut self, service: usize, step: StepIndex, answer: &mut Answer) -> bool {
        if self.layout.steps[step].done_before {
            self.phases[step] = Phase::Done;
            answer.events.push(EventKind::StepFinished {
                step: self.id(step),
                outcome: Outcome::AlreadyDone,
                took: Duration::ZERO,
                outputs: Outputs::new(),
            });
            return true;
        }
        if self.cancel.stops_attempts() {
            self.skip(step, "the run was cancelled".into(), answer);
            return true;
        }
        self.inherit_blame(service);
        let elsewhere = self.failed.filter(|_| !self.keep_going && self.blamed[service].is_none());
        if let Some(failed) = elsewhere
            && !self.layout.steps[step].runs_after_failure
        {
            let because = format!("`{}` failed", self.id(failed));
            self.skip(step, because, answer);
            return true;
        }
        let failure = self.blamed[service].is_some();
        self.phases[step] = Phase::Deciding;
        let standing = DependencyStatus { success: !failure, failure };
        answer.effects.push(Effect::Decide { step, standing });
        false
    }

    /// A service that needs a failed one stands as if it had failed itself.
    fn inherit_blame(&mut self, service: usize) {
        if self.blamed[service].is_none() {
            let needs = &self.layout.services[service].needs;
            self.blamed[service] = needs.iter().find_map(|&need| self.blamed[need]);
        }
    }

    fn blame(&self, step: StepIndex) -> Option<String> {
        let failed = self.blamed[self.service_of(step)]?;
        Some(format!("`{}` failed", self.id(failed)))
    }

    fn skip(&mut self, step: StepIndex, because: String, answer: &mut Answer) {
        self.finish(step, Outcome::Skipped { because }, answer);
    }

    /// Ends a step that gave nothing.
    fn finish(&mut self, step: StepIndex, outcome: Outcome, answer: &mut Answer) {
        let took = match self.phases[step] {
            Phase::Running { since, .. } | Phase::Waiting { since, .. } => {
                self.now.saturating_sub(since)
            }
            Phase::Pending | Phase::Deciding | Phase::Done => Duration::ZERO,
        };
        let fatal = outcome.fatal();
        self.phases[step] = Phase::Done;
        let id = self.id(step);
        let outputs = Outputs::new();
        answer.events.push(EventKind::StepFinished { step: id.clone(), outcome, took, outputs });
        if let Some(failure) = fatal {
            let service = self.service_of(step);
            self.failures[service].get_or_insert((id, failure));
            self.blamed[service].get_or_insert(step);
            self.failed.get_or_insert(step);
            if !self.keep_going
                && let Some(reason) = self.cancel.escalate(CancelReason::StepFailed)
            {
                answer.events.push(EventKind::RunCancelled { reason });
            }
        }
    }

    fn service_of(&self, step: StepIndex) -> usize {
        self.layout.steps[step].service
    }

    fn id(&self, step: StepIndex) -> StepId {
        self.layout.steps[step].id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Decision, DependencyStatus, Effect, Ending, Input, State};
    use crate::event::{CancelReason, EventKind, Failure, Outcome, Outputs, Status, StepId};
    use crate::http::Retry;
    use crate::plan::schema::RetryPolicy;
    use crate::run::layout::{Layout, ServiceLayout, StepLayout};
    use std::fmt::Write as _;
    use std::time::Duration;

    /// `a: x y; b(a): z` is two services, the second needing the first.
    fn layout(text: &str) -> Layout {
        let mut layout = Layout::default();
        let mut names: Vec<String> = Vec::new();
        for (place, part) in text.split("; ").enumerate() {
            let (head, steps) = part.split_once(": ").expect("a service and its steps");
            let (name, needs) = head.split_once('(').unwrap_or((head, ""));
            let needs = needs.trim_end_matches(')').split(',').filter(|need| !need.is_empty());
            let find = |need| names.iter().position(|name| name == need).expect("a service");
            let needs = needs.map(find).collect();
            let mut places = Vec::new();
            for step in steps.split(' ') {
                places.push(layout.steps.len());
                layout.steps.push(StepLayout {
                    id: StepId { service: name.into(), step: step.trim_end_matches('!').into() },
                    service: place,
                    policy: RetryPolicy { attempts: 2, ..RetryPolicy::default() },
                    runs_after_failure: step.ends_with('!'),
                    done_before: false,
                });
            }
            names.push(name.into());
            layout.services.push(ServiceLayout { name: name.into(), needs, steps: places });
        }
        layout
    }

    fn failure() -> Failure {
        Failure { chain: vec!["it broke".into()], ..Failure::default() }
    }

    fn failed(retry: Retry) -> Ending {
        Ending::Failed { failure: failure(), retry }
    }

    /// A run whose conversation is written down.
    struct Talk {
        state: State,
        log: String,
    }

    impl Talk {
        fn begin(layout: Layout, keep_going: bool) -> Self {
            let mut talk = Self { state: State::new(layout, keep_going), log: String::new() };
            talk.tell(Input::Begin);
            talk
        }

        /// Tells the state something; every `if` is answered as `success()`,
        /// and with `true` for a step that hears failure.
        fn tell(&mut self, input: Input) {
            let answer = self.state.on(input, Duration::ZERO);
            self.write(answer);
        }

        fn write(&mut self, answer: Answer) {
            for event in answer.events {
                match event {
                    EventKind::StepFinished { step, outcome, .. } => {
                        let outcome = match outcome {
                            Outcome::Succeeded => "succeeded".to_owned(),
                            Outcome::AlreadyDone => "already done".to_owned(),
                            Outcome::Failed { tolerated: true, .. } => "failed, tolerated".into(),
                            Outcome::Failed { .. } => "failed".to_owned(),
                            Outcome::TimedOut { tolerated: true, .. } => {
                                "timed out, tolerated".into()
                            }
                            Outcome::TimedOut { .. } => "timed out".to_owned(),
                            Outcome::Skipped { because } => format!("skipped: {because}"),
                            Outcome::Cancelled => "cancelled".to_owned(),
                        };
                        writeln!(self.log, "{step} {outcome}").expect("text");
                    }
                    EventKind::AttemptFailed { step, attempt, retry_in, .. } => {
                        writeln!(self.log, "{step} again after {attempt} in {retry_in:?}")
                            .expect("text");
                    }
                    EventKind::RunCancelled { reason } => {
                        writeln!(self.log, "cancelled: {reason:?}").expect("text");
                    }
                    _ => {}
                }
            }
            for effect in answer.effects {
                match effect {
                    Effect::Decide { step, standing } => {
                        let runs =
                            standing.success || self.state.layout().steps[step].runs_after_failure;
                        let decision =
                            if runs { Decision::Run { tolerant: false } } else { Decision::Skip };
                        self.tell(Input::Decided { step, decision });
                    }
                    Effect::Attempt { step, attempt } => {
                        let id = &self.state.layout().steps[step].id;
                        writeln!(self.log, "{id} attempt {attempt}").expect("text");
                    }
                    Effect::Wait { .. } => {}
                    Effect::Ask { step } | Effect::Kill { step } => {
                        let id = &self.state.layout().steps[step].id;
                        let how = if matches!(effect, Effect::Ask { .. }) { "ask" } else { "kill" };
                        writeln!(self.log, "{how} {id}").expect("text");
                    }
                }
            }
        }

        fn end(&mut self, step: usize, ending: Ending) {
            self.tell(Input::Ended { step, ending, at: Duration::ZERO });
        }

        fn succeed(&mut self, step: usize) {
            self.end(step, Ending::Succeeded(Outputs::new()));
        }
    }

    #[test]
    fn services_run_beside_each_other_and_steps_in_order() {
        let mut talk = Talk::begin(layout("a: x y; b: z"), false);
        talk.succeed(0);
        talk.succeed(2);
        talk.succeed(1);

        assert!(talk.state.is_finished());
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
b.z attempt 1
a.x succeeded
a.y attempt 1
b.z succeeded
a.y succeeded
"
        );
    }

    #[test]
    fn a_service_waits_for_what_it_needs() {
        let mut talk = Talk::begin(layout("a: x; b(a): y"), false);
        assert_eq!(talk.log, "a.x attempt 1\n");
        talk.succeed(0);
        assert!(talk.log.ends_with("a.x succeeded\nb.y attempt 1\n"));
    }

    #[test]
    fn what_may_be_tried_again_is_until_the_attempts_are_used_up() {
        let mut talk = Talk::begin(layout("a: x"), false);
        talk.end(0, failed(Retry::Backoff));
        talk.tell(Input::WaitOver { step: 0 });
        talk.end(0, failed(Retry::Backoff));

        assert_eq!(talk.state.status(), Status::Failed);
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
a.x again after 1 in 1s
a.x attempt 2
a.x failed
cancelled: StepFailed
"
        );
    }

    #[test]
    fn after_a_failure_only_steps_that_ask_for_it_start() {
        let mut talk = Talk::begin(layout("a: x y z!; b: p q r!; c(a): s"), false);
        talk.end(0, failed(Retry::Never));
        talk.succeed(2);
        talk.succeed(3);
        talk.succeed(5);

        assert!(talk.state.is_finished());
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
b.p attempt 1
a.x failed
cancelled: StepFailed
a.y skipped: `a.x` failed
a.z attempt 1
a.z succeeded
c.s skipped: `a.x` failed
b.p succeeded
b.q skipped: `a.x` failed
b.r attempt 1
b.r succeeded
"
        );
    }

    #[test]
    fn keep_going_lets_the_other_services_go_on() {
        let mut talk = Talk::begin(layout("a: x; b: p q"), true);
        talk.end(0, failed(Retry::Never));
        talk.succeed(1);
        talk.succeed(2);

        assert_eq!(talk.state.status(), Status::Failed);
        assert!(talk.log.ends_with("b.p succeeded\nb.q attempt 1\nb.q succeeded\n"));
    }

    #[test]
    fn a_signal_asks_and_a_second_one_kills() {
        let mut talk = Talk::begin(layout("a: x y; b: z"), false);
        talk.end(2, failed(Retry::Backoff));
        talk.tell(Input::Stop(CancelReason::Interrupted));
        talk.tell(Input::Stop(CancelReason::Terminated));
        talk.end(0, Ending::Cancelled);

        assert!(talk.state.is_finished());
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
b.z attempt 1
b.z again after 1 in 1s
cancelled: Interrupted
b.z cancelled
ask a.x
cancelled: Killed
kill a.x
a.x cancelled
a.y skipped: the run was cancelled
"
        );
    }

    #[test]
    fn what_an_earlier_process_did_is_not_done_again() {
        let mut before = layout("a: x y");
        before.steps[0].done_before = true;
        let talk = Talk::begin(before, false);
        assert_eq!(talk.log, "a.x already done\na.y attempt 1\n");
    }

    #[track_caller]
    fn is_tolerated(ending: Ending) {
        let mut state = State::new(layout("a: x y"), false);
        let first = state.on(Input::Begin, Duration::ZERO);
        let standing = DependencyStatus { success: true, failure: false };
        assert_eq!(first.effects, [Effect::Decide { step: 0, standing }]);
        let decision = Decision::Run { tolerant: true };
        drop(state.on(Input::Decided { step: 0, decision }, Duration::ZERO));
        let after = state.on(Input::Ended { step: 0, ending, at: Duration::ZERO }, Duration::ZERO);

        assert_eq!(state.status(), Status::Succeeded);
        assert_eq!(state.service_status(0), Status::Succeeded);
        assert_eq!(state.failure(0), None);
        assert_eq!(after.effects, [Effect::Decide { step: 1, standing }]);
    }

    #[test]
    fn a_tolerated_failure_or_timeout_fails_neither_run_nor_service() {
        is_tolerated(failed(Retry::Never));
        is_tolerated(Ending::TimedOut { limit: Duration::from_secs(1) });
    }

    #[test]
    fn a_failure_is_that_of_its_service_alone() {
        let mut talk = Talk::begin(layout("a: x; b: y"), true);
        talk.end(0, Ending::TimedOut { limit: Duration::from_secs(90) });
        talk.succeed(1);

        let state = &talk.state;
        assert_eq!(state.status(), Status::Failed);
        assert_eq!(state.service_status(0), Status::Failed);
        assert_eq!(state.service_status(1), Status::Succeeded);
        let (step, failure) = state.failure(0).expect("the time-out");
        assert_eq!(step.to_string(), "a.x");
        assert_eq!(failure.chain, ["it took longer than 90 s"]);
    }
}
